//! The command line.

pub(crate) mod looking;
pub(crate) mod parts;
pub(crate) mod record;
pub(crate) mod rings;
pub(crate) mod sysv;

use clap::{Parser, Subcommand};

use crate::exit::MEANINGS;

/// Looks into running systems: System V objects, and the channels of ipc-ring that are made of them.
///
/// Tables on a terminal, one JSON object a line with --json. Nothing is changed but by the commands that say
/// so.
#[derive(Debug, Parser)]
#[command(name = "ipcr", version, after_help = MEANINGS)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Lists the domains of this user, their processes and channels
    #[command(visible_alias = "list")]
    Ls(rings::Ls),
    /// Shows a channel: who has its ends, and what they have counted
    Show(rings::Show),
    /// Prints the messages a second of a channel
    Hz(rings::Rate),
    /// Prints the bytes a second of a channel
    Bw(rings::Rate),
    /// Measures how old the messages of a channel are when they come, without taking part in it
    ///
    /// The age is the time now minus a field of the message: the one that --field names, or the one whose
    /// name says that it is a time (`time_ns`, `stamp.sec` and `stamp.nanosec`). It is read from the clock
    /// that --clock names, or that the field's name tells (`wall_ms`, `mono_ns`), or by which the first
    /// message is younger than an hour; the first line says which. Values of `latest` have a time in any
    /// case. Without a time in the messages it prints how long ago the channel was last seen without them:
    /// no message is older.
    Delay(looking::Delay),
    /// Shows the channels with their rates and ends, again and again; takes no seat
    ///
    /// Keys: s, left and right pick the column to sort by, e shows each end with how far it is behind, up and
    /// down scroll, q ends it. When it is not on a terminal, it looks twice and prints one table.
    Top(rings::Top),
    /// Prints the messages of a channel as they come, without taking part in it
    Tail(rings::Tail),
    /// Sends messages to a channel: takes its sending end
    ///
    /// Takes part, unlike the commands that look: joins the domain as a process, takes the sending end
    /// of the channel, and leaves both when the messages are sent. The stream stays open for the next
    /// sender; a receiver that does not wait for one learns that its sender has left. A sending end
    /// that a living process holds is refused; that of a dead one is taken over. While ipcr has the
    /// only sending end of a channel, programs that want it are refused.
    ///
    /// The messages come from --hex, from FIELD=VALUE, or as raw bytes from standard input, one after
    /// the other, each of the size that the channel has (`ipcr show`). For spsc, mpmc, broadcast and
    /// latest.
    Send(rings::Send),
    /// Asks a service, a channel of the kind call: takes its calling end for one request
    ///
    /// Takes part, as `send` does: joins the domain as a process, takes the calling end of the channel, and
    /// leaves both when the reply is there. A calling end that a living process holds is refused. A service
    /// that does not wait for the next caller learns that its caller has left, and may end. A request without
    /// a reply in time is taken back if the service is gone; a living service may still act on it.
    Call(looking::Call),
    /// Records the messages of channels in an MCAP file, without taking part in them
    ///
    /// Described messages are CDR with their ROS 2 definition, which Foxglove, PlotJuggler and the MCAP
    /// libraries read; others are their bytes. Reads spsc (on x86-64), broadcast and latest. Ends when no
    /// process has any of the named channels, or with Ctrl-C, and completes the file. What was overwritten
    /// before it was read is counted, and the count is recorded (topic ipcr/missed).
    Record(record::Record),
    /// Replays a recording: sends its messages to channels as they were recorded
    ///
    /// Takes part, as send does. Channels that are not there are made with the recorded kind, type and
    /// capacity, and go when no process has them any more; one with another type, or with a sender, is
    /// refused before anything is sent. The streams stay open for the next sender.
    Replay(record::Replay),
    /// Prints what comes, goes and dies: processes, channels, and their ends
    Watch(rings::Watch),
    /// Says what is left of domains and channels whose processes were killed, and removes it with --yes
    Gc(rings::Gc),
    /// Looks for what keeps programs from working; exit code 4 when it finds something
    Doctor(parts::Format),
    /// Looks for what makes channels slow or lose messages, and says what to run against it; changes nothing
    ///
    /// Limits of the kernel, membarrier, the frequency governor, processors, swapped and huge pages, and the
    /// sizes of rings against what they have held. Each piece of advice has its evidence.
    Advise(looking::Advise),
    /// Explains an errno of a System V call, or an error of ipc-ring
    Explain {
        /// An errno by name or number, the name of a call, or the name of an error: ENOSPC, 28, shmget,
        /// PeerGone
        error: String,
        #[command(flatten)]
        format: parts::Format,
    },
    /// Shows the channels as a page for a browser on this machine, until it is interrupted; takes no seat
    ///
    /// The same as `top`, with the counters of each channel. The page only looks, loads nothing from
    /// elsewhere, and is answered on the loopback interface only: from another machine, forward the port
    /// (`ssh -L 9465:localhost:9465 HOST`). All users of this machine can open it.
    Serve(looking::Serve),
    /// Prints the counters of all channels for Prometheus
    Metrics(rings::Metrics),
    /// Segments, semaphore sets and message queues, whatever programs made them
    Sysv {
        #[command(subcommand)]
        command: sysv::Sysv,
    },
    /// Prints the completion script of a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Prints the manual page of the program, or of a command such as `sysv ls`
    Man {
        /// The command
        command: Vec<String>,
    },
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory as _, Parser as _};

    use super::Cli;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    /// Those behind a prompt, and those in the text.
    #[test]
    fn the_commands_of_the_operators_page_are_there() {
        let page = include_str!("../../docs/operator.md");
        let mut checked = 0;
        let texts = page.split('`').skip(1).step_by(2).filter(|text| text.starts_with("ipcr "));
        let prompts =
            page.lines().filter_map(|line| line.strip_prefix("$ ")).filter(|line| line.starts_with("ipcr "));
        for command in texts.chain(prompts) {
            let words: Vec<_> =
                command.split_whitespace().take_while(|word| !["#", ">", "|", "…"].contains(word)).collect();
            let is_named_only = Cli::try_parse_from(&words).err().filter(|error| {
                // A command named without its object, or for what is in general called CHANNEL or OBJECT.
                use clap::error::ErrorKind;
                let missing = [
                    ErrorKind::MissingRequiredArgument,
                    ErrorKind::MissingSubcommand,
                    ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand,
                ];
                !missing.contains(&error.kind())
            });
            assert!(is_named_only.is_none(), "{command}: {}", is_named_only.unwrap());
            checked += 1;
        }
        assert!(checked > 25, "{checked}");
    }
}
