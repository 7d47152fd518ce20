"""The rule of `.ci/mutants`: which small mistakes are made in a line, and how a file offers them as choices."""
import hashlib
import re
from collections import Counter

VARIABLE = "SOURCE_MUTANT_NUMBER"
# A file to which the numbers of the places that run are appended.
SEEN = "SOURCE_MUTANTS_SEEN"
CHOOSER = """
/// Whether this mistake is to be made.
pub(crate) fn mutant(number: u32) -> bool {
    static CHOSEN: std::sync::OnceLock<(u32, bool)> = std::sync::OnceLock::new();
    let choose = || {
        let chosen = std::env::var("%s").ok().and_then(|text| text.parse().ok()).unwrap_or(0);
        (chosen, std::env::var_os("%s").is_some())
    };
    let (chosen, is_seen) = *CHOSEN.get_or_init(choose);
    if is_seen {
        see(number);
    }
    chosen == number
}

/// Notes that the place of a mistake is run.
fn see(number: u32) {
    use std::io::Write as _;
    static SEEN: [std::sync::atomic::AtomicBool; %d] = [const { std::sync::atomic::AtomicBool::new(false) }; %d];
    if !SEEN[number as usize].swap(true, std::sync::atomic::Ordering::Relaxed) {
        let path = std::env::var_os("%s").expect("it was there");
        let mut file = std::fs::File::options().append(true).create(true).open(path).expect("it can be written");
        file.write_all(format!("{number}\\n").as_bytes()).expect("it can be written");
    }
}
"""


def chooser(count):
    return CHOOSER % (VARIABLE, SEEN, count, count, SEEN)


def production(lines):
    """Numbers of the lines that are code of production."""
    for number, line in enumerate(lines):
        if line.startswith("#[cfg(test)]"):
            return
        if line.strip() and not NOT_CODE.match(line) and not IDLE.search(line):
            yield number


NOT_CODE = re.compile(r"\s*(//|#|0x|(pub(\(\w+\))? )?(use|const|static|fn|mod|type|struct|trait) |assert|debug_a)")
RELAXED = "core::sync::atomic::Ordering::Relaxed"
ORDERING = re.compile(r"(?:\w+::)*ordering\(Edge::\w+\)|(?:Ordering::)?\b(?:Acquire|Release|AcqRel|SeqCst)\b")
OPERATORS = {" < ": " <= ", " <= ": " < ", " > ": " >= ", " >= ": " > "}
CONDITION = re.compile(r"^(\s*(?:\} else )?)(if|while) (?!let\b)(.*) \{\n$")
STATEMENT = re.compile(r"^(\s*)(?!let |\}|return\b|break\b|continue\b)([A-Za-z*(].*;)\s*(//.*)?\n$")
EXPRESSION = re.compile(r"^(\s*)([^={}/]*[\w)] (?:==|!=|<|<=|>|>=) [^={};,/]*?)\s*(?://.*)?\n$")
# Without effect in a model, and on what a program does: sites of crash tests, hints for the processor.
IDLE = re.compile(r"crash_point\(|prefetch|\brelax\(|take_line\(|counted\(|found_full|high_water")
STORE = re.compile(r"\.(?:store|set_\w+|publish\w*)\(")


def balanced(text):
    return all(text.count(left) == text.count(right) for left, right in ("()", "[]", "{}"))


def inner(text):
    """Alternatives of a piece of code, each with its operator."""
    for found in ORDERING.finditer(text):
        if "fence(" not in text:
            yield "relaxed", text[:found.start()] + RELAXED + text[found.end():]
    for found in re.finditer(r" [+-] 1\b(?!\.)", text):
        yield "off-by-one", text[:found.start()] + text[found.end():]


def alternatives(word, test):
    yield "negated", f"!({test})"
    if word == "if":
        yield "never", f"false && ({test})"
    for joint in ("&&", "||"):
        for found in re.finditer(re.escape(f" {joint} "), test):
            left, right = test[:found.start()], test[found.end():]
            if balanced(left) and balanced(right):
                yield "half", left
                yield "half", right
    yield from inner(test)
    yield from compared(test)


def compared(test, whole=False):
    for old, new in OPERATORS.items():
        for found in re.finditer(re.escape(old), test):
            yield "boundary", test[:found.start()] + new + test[found.end():]
    # Alone it is the negation.
    for found in re.finditer(r" ([=!])= ", test) if whole or "&&" in test or "||" in test else ():
        new = " != " if found[1] == "=" else " == "
        yield "stale", test[:found.start()] + new + test[found.end():]


class Source:
    """A file with choices in place of some of its lines."""

    def __init__(self, root, path, number):
        self.path = str(path.relative_to(root))
        text = path.read_text()
        self.lines = text.splitlines(keepends=True)
        self.key = f"{self.path} {hashlib.sha256(text.encode()).hexdigest()}"
        self.choices = {}
        lines, known = list(production(self.lines)), set()
        for place in lines:
            line, known = self.lines[place], known | {place}
            found = list(self.of_line(line))
            following = self.lines[place + 1] if place + 1 < len(self.lines) else ""
            if all(STATEMENT.match(text) and STORE.search(text) for text in (line, following)):
                found.append(("swapped", None))
            if found:
                self.choices[place] = []
                for operator, text in found:
                    self.choices[place].append((next(number), operator, text))

    def of_line(self, line):
        code = line.split(" //")[0].rstrip("\n")
        if condition := CONDITION.match(line):
            if " let " not in condition[3] and balanced(condition[3]):
                yield from alternatives(condition[2], condition[3])
        elif expression := EXPRESSION.match(line):
            if balanced(expression[2]) and not expression[2].startswith((".", "&&", "||", "let ")) and "->" not in line:
                yield from compared(expression[2], whole=True)
        elif (statement := STATEMENT.match(line)) and balanced(statement[2]):
            yield "left-out", ""
            yield from inner(statement[2])
        else:
            yield from inner(code)

    def changed(self, place):
        """The line with its choices."""
        line, choices = self.lines[place], self.choices[place]
        if not choices:
            return line
        chain = "".join(f"if crate::mutant({number}) {{ {text} }} else " for number, operator, text in choices
                        if operator != "swapped")
        if condition := CONDITION.match(line):
            return f"{condition[1]}{condition[2]} ({chain}{{ {condition[3]} }}) {{\n"
        if expression := EXPRESSION.match(line):
            return f"{expression[1]}({chain}{{ {expression[2]} }})\n"
        if statement := STATEMENT.match(line):
            swap = next((number for number, operator, _ in choices if operator == "swapped"), None)
            text = statement[2]
            if swap is not None:
                # This one behind the next, which is left out where it stands (see `text`).
                after = STATEMENT.match(self.lines[place + 1])[2]
                text = f"if crate::mutant({swap}) {{ {after} {text} }} else {{ {text} }}"
            return f"{statement[1]}{chain}{{ {text} }}\n" if chain else f"{statement[1]}{text}\n"
        # Within a line that cannot stand alone: the pieces that differ.
        code, pieces = line, []
        for number, operator, text in choices:
            original = line.split(" //")[0].rstrip("\n")
            if operator == "relaxed":
                found = [m for m in ORDERING.finditer(original)
                         if original[:m.start()] + RELAXED + original[m.end():] == text][0]
                pieces.append((found.start(), found.end(),
                               f"(if crate::mutant({number}) {{ {RELAXED} }} else {{ {found[0]} }})"))
            else:
                found = [m for m in re.finditer(r" ([+-]) 1\b(?!\.)", original)
                         if original[:m.start()] + original[m.end():] == text][0]
                pieces.append((found.start(), found.end(),
                               f" {found[1]} (if crate::mutant({number}) {{ 0 }} else {{ 1 }})"))
        for start, end, text in sorted(pieces, reverse=True):
            code = code[:start] + text + code[end:]
        return code

    def text(self):
        lines = [self.changed(place) if place in self.choices else line for place, line in enumerate(self.lines)]
        for place, choices in self.choices.items():
            for number, operator, _ in choices:
                if operator == "swapped":
                    body = lines[place + 1].strip()
                    lines[place + 1] = f"if !crate::mutant({number}) {{ {body} }}\n"
        return "".join(lines)

    def mutants(self, relaxed=()):
        """Number, name, operator and line of each, but for edges that are relaxed already."""
        for place, choices in self.choices.items():
            known = Counter()
            for number, operator, _ in choices:
                if operator == "relaxed" and any(edge in self.lines[place] for edge in relaxed):
                    continue
                known[operator] += 1
                which = f" {known[operator]}" if known[operator] > 1 else ""
                yield number, f"{self.path}:{place + 1} {operator}{which}", operator, self.lines[place].strip()
