//! The manual page of a program, from the definition of its command line: for `credvend man | man -l -`.

use std::io;

use clap::Command;
use clap_mangen::Man;

/// One page (roff) for all subcommands: a list of subcommands would name pages that are not installed.
///
/// # Errors
/// None in practice: the page is written into memory.
pub fn manual_page(command: &Command) -> io::Result<Vec<u8>> {
    let mut page = Vec::new();
    let man = Man::new(command.clone());
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    // Not built, so that the options of all do not come again with each.
    for subcommand in command.get_subcommands() {
        add_command(&mut page, command.get_name(), subcommand);
    }
    man.render_extra_section(&mut page)?;
    man.render_version_section(&mut page)?;
    Ok(page)
}

fn add_command(page: &mut Vec<u8>, parent: &str, command: &Command) {
    let name = format!("{parent} {}", command.get_name());
    let command_alone = command.clone().bin_name(&name).disable_help_flag(true).disable_help_subcommand(true);
    // Under the option, not beside it: lines are kept as they are.
    let help = command_alone.next_line_help(true).render_help();
    page.extend_from_slice(
        format!(".SH \"{}\"\n.nf\n{}.fi\n", as_text(&name).trim_end(), as_text(&help.to_string())).as_bytes(),
    );
    for command in command.get_subcommands() {
        add_command(page, &name, command);
    }
}

/// groff(7): a backslash begins an escape, a dot or an apostrophe at the start of a line a request, and a bare hyphen may
/// become another character than the one to type.
fn as_text(text: &str) -> String {
    let lines = text.lines().map(|line| {
        let escaped = line.replace('\\', "\\e").replace('-', "\\-");
        if escaped.starts_with(['.', '\'']) { format!("\\&{escaped}") } else { escaped }
    });
    lines.map(|line| line + "\n").collect::<String>()
}
