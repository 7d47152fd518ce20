//! Which modules of a crate use which: read from the syntax, not from the compiler.
//!
//! A module is a file. It uses another one when a `use` or a path that begins with `crate`, `self` or `super`
//! names something in it. A module that declares and re-exports its parts does not use them thereby. What
//! only tests use does not count.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use syn::visit::Visit;
use syn::{Attribute, ItemMod, ItemUse, UseTree};

/// Each module of a crate, with the modules that it uses.
pub type Uses = BTreeMap<String, BTreeSet<String>>;

/// The modules of the crate in this folder, `src` included.
///
/// # Panics
///
/// When a file is not Rust.
#[must_use]
pub fn uses_of(folder: &Path) -> Uses {
    let files: BTreeMap<String, PathBuf> = crate::files("rs")
        .into_iter()
        .filter_map(|path| Some((module_of(path.strip_prefix(folder).ok()?), path)))
        .collect();
    files
        .iter()
        .map(|(module, path)| {
            let file = syn::parse_file(&crate::text(path))
                .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            let mut reader = Reader { names: &files, module, uses: BTreeSet::new() };
            reader.visit_file(&file);
            reader.uses.remove(module);
            (module.clone(), reader.uses)
        })
        .collect()
}

/// `a/b.rs` and `a/b/mod.rs` are `a::b`; `lib.rs` and `main.rs` are the root, which has no name.
fn module_of(path: &Path) -> String {
    let mut parts: Vec<&str> = path.iter().filter_map(|part| part.to_str()).collect();
    match parts.pop() {
        Some("mod.rs" | "lib.rs" | "main.rs") | None => {}
        Some(file) => parts.push(file.trim_end_matches(".rs")),
    }
    parts.join("::")
}

struct Reader<'a> {
    names: &'a BTreeMap<String, PathBuf>,
    module: &'a str,
    uses: BTreeSet<String>,
}

impl Reader<'_> {
    /// Notes the module in which this path ends, if the path is of this crate.
    fn note(&mut self, path: &[String]) {
        let mut at: Vec<&str> = self.module.split("::").filter(|part| !part.is_empty()).collect();
        let mut rest = path;
        match rest.first().map(String::as_str) {
            Some("crate") => {
                at.clear();
                rest = &rest[1..];
            }
            Some("self") => rest = &rest[1..],
            Some("super") => {
                while rest.first().is_some_and(|part| part == "super") {
                    at.pop();
                    rest = &rest[1..];
                }
            }
            _ => return,
        }
        at.extend(rest.iter().map(String::as_str));
        while !at.is_empty() && !self.names.contains_key(&at.join("::")) {
            at.pop();
        }
        // The root re-exports and declares: everybody may name it, and it may name everybody.
        if !at.is_empty() {
            self.uses.insert(at.join("::"));
        }
    }

    fn note_tree(&mut self, tree: &UseTree, above: &mut Vec<String>) {
        match tree {
            UseTree::Path(path) => {
                above.push(path.ident.to_string());
                self.note_tree(&path.tree, above);
                above.pop();
            }
            UseTree::Name(name) => self.note(&joined(above, &name.ident.to_string())),
            UseTree::Rename(name) => self.note(&joined(above, &name.ident.to_string())),
            UseTree::Glob(_) => self.note(above),
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.note_tree(tree, above)),
        }
    }
}

fn joined(above: &[String], name: &str) -> Vec<String> {
    let mut path = above.to_vec();
    if name != "self" || above.is_empty() {
        path.push(name.to_owned());
    }
    path
}

/// Whether the item is compiled for tests only.
fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute.parse_args::<syn::Ident>().is_ok_and(|condition| condition == "test")
    })
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item_mod(&mut self, module: &'ast ItemMod) {
        if !is_for_tests(&module.attrs) {
            syn::visit::visit_item_mod(self, module);
        }
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        if !is_for_tests(&item.attrs) {
            self.note_tree(&item.tree, &mut Vec::new());
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let parts: Vec<String> = path.segments.iter().map(|part| part.ident.to_string()).collect();
        if parts.len() > 1 {
            self.note(&parts);
        }
        syn::visit::visit_path(self, path);
    }
}

/// The circles: each a set of modules of which each one uses, over others, each other one.
#[must_use]
pub fn circles(uses: &Uses) -> Vec<BTreeSet<String>> {
    let reached: BTreeMap<&String, BTreeSet<&String>> =
        uses.keys().map(|module| (module, reachable(uses, module))).collect();
    let mut found: Vec<BTreeSet<String>> = Vec::new();
    for (module, targets) in &reached {
        if !targets.contains(module) || found.iter().any(|circle| circle.contains(*module)) {
            continue;
        }
        found.push(
            targets
                .iter()
                .filter(|other| reached[*other].contains(module))
                .map(|&other| other.clone())
                .collect(),
        );
    }
    found
}

fn reachable<'a>(uses: &'a Uses, from: &String) -> BTreeSet<&'a String> {
    let mut found = BTreeSet::new();
    let mut next: Vec<&String> = uses[from].iter().collect();
    while let Some(module) = next.pop() {
        if found.insert(module) {
            next.extend(uses[module].iter());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::{circles, module_of};
    use std::collections::BTreeSet;
    use std::path::Path;

    #[test]
    fn a_file_is_a_module() {
        for (path, module) in
            [("lib.rs", ""), ("a.rs", "a"), ("a/mod.rs", "a"), ("a/b.rs", "a::b"), ("a/b/mod.rs", "a::b")]
        {
            assert_eq!(module_of(Path::new(path)), module);
        }
    }

    #[test]
    fn a_circle_is_what_reaches_itself() {
        let set = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<BTreeSet<_>>();
        let uses = [
            ("a", set(&["b"])),
            ("b", set(&["c", "d"])),
            ("c", set(&["a"])),
            ("d", set(&[])),
            ("e", set(&["a"])),
        ]
        .map(|(name, uses)| (name.to_owned(), uses))
        .into();
        assert_eq!(circles(&uses), [set(&["a", "b", "c"])]);
    }
}
