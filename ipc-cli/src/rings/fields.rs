//! What a channel says of the fields of its messages.

use ipc_cli_support::output::{self, say};
use ipc_cli_support::style::paint;
use ipc_cli_support::text::harmless;
use ipc_ring::AttachErrorKind;
use ipc_ring::control::ChannelInfo;
use ipc_ring::describe::Description;

/// Prints the fields as a table, or the text of a channel of frames. Nothing when the channel carries none.
pub(super) fn print(channel: &ChannelInfo) {
    let Some(text) = &channel.description else { return };
    match channel.descriptions() {
        Ok(descriptions) if descriptions.is_empty() => lines(text),
        Ok(descriptions) => {
            let parts: &[&str] = if descriptions.len() == 2 { &["request", "reply"] } else { &["message"] };
            for (part, description) in parts.iter().zip(&descriptions) {
                fields(part, description);
            }
        }
        Err(error) => {
            let reason = match error.kind() {
                AttachErrorKind::InvalidDescription { reason } => reason.clone(),
                _ => error.to_string(),
            };
            say!("{}", paint(&format!("  {:<12} not shown: {}", "fields", harmless(&reason))));
            lines(text);
        }
    }
}

/// The text as it is, but for what would act on the terminal.
fn lines(text: &str) {
    for (number, line) in text.lines().enumerate() {
        say!(
            "{}",
            paint(&format!("  {:<12} {}", if number == 0 { "described" } else { "" }, harmless(line)))
        );
    }
}

fn fields(part: &str, description: &Description) {
    let element = description.element();
    let facts = format!("{}, {} bytes aligned to {}", element.name(), element.size(), element.align());
    say!("{}", paint(&format!("  {part:<12} {facts}")));
    let mut table = output::bare_table(["  BYTE", "TYPE", "FIELD"]);
    for each in description.types() {
        if each != element {
            table.add_row([format!("  {}", each.name()), format!("{} bytes", each.size()), String::new()]);
        }
        for field in each.fields() {
            let offset = format!("  {}", field.offset());
            table.add_row([offset, description.type_of(field), field.name().to_owned()]);
        }
    }
    output::print_table(&table);
}
