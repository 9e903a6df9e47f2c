//! The page: one file that loads nothing and runs nothing, whoever's names are on it.

use std::fmt::Write as _;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::chart;
use super::clients::{Expiring, Listed, Unused};
use super::figures::Figures;
use super::markup::{number, text};
use crate::date;

const STYLE: &str = include_str!("style.css");
const MOST_CLIENTS: usize = 15;
const MOST_CODES: usize = 12;
/// Rows of a table on the page; the rest is counted.
const MOST_ROWS: usize = 100;

pub(super) fn page(figures: &Figures, listed: Option<&Listed>, source: &str, now: u64) -> String {
    // The style alone is let in, by its hash; scripts, pictures and everything that is loaded are not.
    let style_hash = BASE64_STANDARD.encode(digest(&SHA256, STYLE.as_bytes()));
    let window = &figures.window;
    let (since, until) = (day(window.since), day(window.until));
    let mut page = format!(
        r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'sha256-{style_hash}'; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>credvend: {since} to {until}</title>
<style>{STYLE}</style>
</head>
<body>
<main>
<h1>Who was vended credentials</h1>
<p class="soft">{since} to {until} (UTC) · from {}</p>
"#,
        text(source)
    );
    page.push_str(&tiles(figures, listed));
    page.push_str(&over_time(figures));
    page.push_str(&by_client(figures));
    page.push_str(&refusals(figures));
    if let Some(listed) = listed {
        page.push_str(&from_the_table(listed, &since));
    }
    let _ = write!(
        page,
        "<footer>Written by credvend-admin on {} (UTC). A bar is {}. Times of the latency are right to a quarter.</footer>\n</main>\n</body>\n</html>\n",
        text(&date::text(now / 1000).unwrap_or_default()),
        span(window.width)
    );
    page
}

fn tiles(figures: &Figures, listed: Option<&Listed>) -> String {
    let sum = |values: &[u64]| number(values.iter().sum());
    let vended = figures.clients.values().filter(|client| client.vends > 0).count() as u64;
    let latency = figures.all_latency();
    let millis =
        |per_mille| latency.quantile(per_mille).map_or_else(|| "–".to_owned(), |millis| format!("{millis:.0} ms"));
    let mut tiles = vec![
        (sum(&figures.vends), "vends"),
        (number(vended), "clients that were vended something"),
        (sum(&figures.denials), "denials"),
        (sum(&figures.errors), "errors of the service"),
        (millis(500), "half of the vends took no longer"),
        (millis(990), "99 of 100 took no longer"),
    ];
    if let Some(listed) = listed {
        tiles.push((number(listed.unused.len() as u64), "clients that did not come"));
        tiles.push((number(listed.expiring.len() as u64), "clients that expire soon"));
    }
    let tile = |(value, name): (String, &str)| {
        format!(r#"<div class="tile"><b>{}</b><span>{name}</span></div>"#, text(&value))
    };
    format!("<div class=\"tiles\">{}</div>\n", tiles.into_iter().map(tile).collect::<String>())
}

fn over_time(figures: &Figures) -> String {
    let kinds = [
        ("vend", "vends", &figures.vends[..]),
        ("deny", "denials", &figures.denials[..]),
        ("error", "errors", &figures.errors[..]),
    ];
    let quantiles = |per_mille| figures.latency.iter().map(|one| one.quantile(per_mille)).collect();
    let latency = [("vend", "half took at most", quantiles(500)), ("deny", "99 of 100 took at most", quantiles(990))];
    let key = |entries: &[(&str, &str)]| {
        let item = |(class, name): &(&str, &str)| format!(r#"<li class="{class}">{name}</li>"#);
        format!("<ul class=\"key\">{}</ul>", entries.iter().map(item).collect::<String>())
    };
    format!(
        "<section><h2>Requests</h2>{}{}</section>\n<section><h2>Latency of vends</h2>{}{}</section>\n",
        key(&kinds.map(|(class, name, _)| (class, name))),
        chart::stacked(&figures.window, "Requests over time", &kinds),
        key(&[("vend", "half took at most"), ("deny", "99 of 100 took at most")]),
        chart::lines(&figures.window, "Latency over time", &latency)
    )
}

fn by_client(figures: &Figures) -> String {
    let rows = figures.most(|client| client.vends, MOST_CLIENTS);
    if rows.is_empty() {
        return "<section><h2>Vends by client and time</h2><p class=\"soft\">Nobody was vended anything.</p></section>\n".to_owned();
    }
    let others = figures.clients.values().filter(|client| client.vends > 0).count() - rows.len();
    let others = if others > 0 {
        format!("<p class=\"soft\">The {} with the most of {}.</p>", rows.len(), number((rows.len() + others) as u64))
    } else {
        String::new()
    };
    format!(
        "<section><h2>Vends by client and time</h2>{others}{}</section>\n",
        chart::heat(&figures.window, "Vends by client and time", &rows)
    )
}

fn refusals(figures: &Figures) -> String {
    let mut codes: Vec<_> = figures.codes.iter().collect();
    codes.sort_by_key(|(_, code)| std::cmp::Reverse(code.count));
    let others: u64 = codes.iter().skip(MOST_CODES).map(|(_, code)| code.count).sum();
    let mut rows: Vec<_> = codes
        .iter()
        .take(MOST_CODES)
        .map(|(name, code)| (if code.is_error { "error" } else { "deny" }, (*name).clone(), code.count))
        .collect();
    if others > 0 {
        rows.push(("deny", "others".to_owned(), others));
    }
    let by_code = if rows.is_empty() {
        none("Nothing was refused and nothing failed.")
    } else {
        chart::named(
            "Denials and errors by code",
            &rows.iter().map(|(class, name, count)| (*class, name.clone(), *count)).collect::<Vec<_>>(),
        )
    };
    let refused: Vec<_> = figures
        .most(|client| client.denials, MOST_CLIENTS)
        .into_iter()
        .map(|((_, id), client)| {
            vec![id.clone(), client.server_name.clone(), client.last_code.clone(), number(client.denials)]
        })
        .collect();
    format!(
        "<section><h2>Denials and errors by code</h2>{by_code}</section>\n<section><h2>Clients refused most</h2>{}</section>\n",
        table(&["Client", "Server", "Last code", "Denials"], &refused, "No client was refused.")
    )
}

fn from_the_table(listed: &Listed, since: &str) -> String {
    let unused =
        |row: &Unused| vec![row.client_id.clone(), row.server_name.clone(), row.state.to_owned(), row.role.clone()];
    let expiring = |row: &Expiring| {
        vec![row.client_id.clone(), row.server_name.clone(), row.state.to_owned(), row.expires_at.clone()]
    };
    format!(
        "<section><h2>Clients that expire within 30 days, or have</h2>{}</section>\n<section><h2>Clients that have not come since {since}</h2>{}</section>\n",
        table(
            &["Client", "Server", "State", "Expires"],
            &listed.expiring.iter().map(expiring).collect::<Vec<_>>(),
            "None expires soon."
        ),
        table(
            &["Client", "Server", "State", "Role"],
            &listed.unused.iter().map(unused).collect::<Vec<_>>(),
            "Every client has come."
        )
    )
}

/// Every cell is text. The last column of numbers stands to the right.
fn table(headings: &[&str], rows: &[Vec<String>], if_empty: &str) -> String {
    if rows.is_empty() {
        return none(if_empty);
    }
    let class = |heading: &str| if heading == "Denials" { " class=\"number\"" } else { "" };
    let head: Vec<_> = headings.iter().map(|one| format!("<th scope=\"col\"{}>{one}</th>", class(one))).collect();
    let mut body = String::new();
    for row in rows.iter().take(MOST_ROWS) {
        let cells: Vec<_> = row
            .iter()
            .zip(headings)
            .map(|(cell, heading)| format!("<td{}>{}</td>", class(heading), text(cell)))
            .collect();
        let _ = write!(body, "<tr>{}</tr>", cells.concat());
    }
    let more = rows.len().saturating_sub(MOST_ROWS);
    let more =
        if more > 0 { format!("<p class=\"soft\">And {} more.</p>", number(more as u64)) } else { String::new() };
    format!(
        "<div class=\"table\"><table><thead><tr>{}</tr></thead><tbody>{body}</tbody></table></div>{more}",
        head.concat()
    )
}

fn none(words: &str) -> String {
    format!("<p class=\"none\">{words}</p>")
}

fn day(millis: u64) -> String {
    date::text(millis / 1000).unwrap_or_default().get(..10).unwrap_or_default().to_owned()
}

fn span(millis: u64) -> String {
    match millis / (60 * 60 * 1000) {
        1 => "an hour".to_owned(),
        24 => "a day".to_owned(),
        hours if hours % 24 == 0 => format!("{} days", hours / 24),
        hours => format!("{hours} hours"),
    }
}
