//! Charts as inline SVG: shapes and text, no script, no style of their own. Colours are the page's, by class.

use std::fmt::Write as _;

use super::figures::{Client, Window};
use super::markup::{number, short, text};
use crate::date;

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 200.0;
const LEFT: f64 = 52.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 26.0;
/// Of a row in a chart with a name on each.
const ROW: f64 = 20.0;
const NAMES: f64 = 170.0;
const NUMBERS: f64 = 64.0;
const DAY: u64 = 24 * 60 * 60 * 1000;

/// Bars over time, one kind on top of the other.
pub(super) fn stacked(window: &Window, title: &str, kinds: &[(&str, &str, &[u64])]) -> String {
    let total = |bar: usize| kinds.iter().map(|(_, _, values)| values[bar]).sum::<u64>();
    let most = nice((0..window.bars).map(total).max().unwrap_or_default());
    let (step, mut shapes) = (step(window), String::new());
    for bar in (0..window.bars).filter(|bar| total(*bar) > 0) {
        let mut y = HEIGHT - BOTTOM;
        let mut words = vec![when(window, bar)];
        for (class, name, values) in kinds.iter().filter(|(_, _, values)| values[bar] > 0) {
            let height = scale(values[bar], most).max(1.0);
            y -= height;
            let (x, width) = (LEFT + step * count(bar), (step - 1.0).max(0.6));
            let _ = write!(
                shapes,
                r#"<rect class="{class}" x="{x:.1}" y="{y:.1}" width="{width:.1}" height="{height:.1}"/>"#
            );
            words.push(format!("{} {name}", number(values[bar])));
        }
        // The whole column says what it is.
        let _ = write!(
            shapes,
            r#"<rect class="hover" x="{:.1}" y="{TOP}" width="{step:.1}" height="{:.1}"><title>{}</title></rect>"#,
            LEFT + step * count(bar),
            HEIGHT - BOTTOM - TOP,
            text(&words.join(", "))
        );
    }
    frame(title, HEIGHT, &format!("{}{shapes}{}", grid(most, ""), times(window, HEIGHT)))
}

/// Lines over time, in milliseconds; where there is nothing, the line is interrupted.
pub(super) fn lines(window: &Window, title: &str, kinds: &[(&str, &str, Vec<Option<f64>>)]) -> String {
    let most =
        kinds.iter().flat_map(|(_, _, values)| values.iter().flatten()).fold(0.0_f64, |most, one| most.max(*one));
    let most = nice(ceil(most));
    let (step, mut shapes) = (step(window), String::new());
    for (class, name, values) in kinds {
        let point = |bar: usize, value: f64| {
            let y = HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * value / float(most);
            (LEFT + step * (count(bar) + 0.5), y)
        };
        let mut path = String::new();
        let mut before = None;
        for (bar, value) in values.iter().enumerate() {
            if let Some(value) = value {
                let (x, y) = point(bar, *value);
                let command = if before.is_some() { 'L' } else { 'M' };
                let _ = write!(path, "{command}{x:.1} {y:.1}");
                let words = format!("{}: {name} {value:.1} ms", when(window, bar));
                let _ = write!(
                    shapes,
                    r#"<circle class="{class}" cx="{x:.1}" cy="{y:.1}" r="2"><title>{}</title></circle>"#,
                    text(&words)
                );
            }
            before = *value;
        }
        let _ = write!(shapes, r#"<path class="{class}" d="{path}"/>"#);
    }
    frame(title, HEIGHT, &format!("{}{shapes}{}", grid(most, " ms"), times(window, HEIGHT)))
}

/// A row a client, darker where more was vended.
pub(super) fn heat(window: &Window, title: &str, rows: &[(&(String, String), &Client)]) -> String {
    let height = TOP + ROW * count(rows.len()) + BOTTOM;
    let width = (WIDTH - NAMES - NUMBERS) / count(window.bars);
    let most = rows.iter().flat_map(|(_, client)| client.by_bar.iter()).max().copied().unwrap_or(1);
    let mut shapes = String::new();
    for (index, ((_, id), client)) in rows.iter().enumerate() {
        let y = TOP + ROW * count(index);
        let _ = write!(
            shapes,
            r#"<text class="name" x="{:.0}" y="{:.1}">{}<title>{}</title></text><text class="value" x="{WIDTH}" y="{:.1}">{}</text>"#,
            NAMES - 8.0,
            y + 14.0,
            short(id, 24),
            text(id),
            y + 14.0,
            number(client.vends)
        );
        for (bar, vends) in client.by_bar.iter().enumerate().filter(|(_, vends)| **vends > 0) {
            // Four shades by the square root: one busy client does not pale all others.
            let shade = (u64::from(*vends) * 16).div_ceil(u64::from(most)).isqrt().clamp(1, 4) + 1;
            let x = NAMES + width * count(bar);
            let words = format!("{}: {} vends of {id}", when(window, bar), number(u64::from(*vends)));
            let _ = write!(
                shapes,
                r#"<rect class="heat{shade}" x="{x:.1}" y="{:.1}" width="{:.1}" height="{:.1}"><title>{}</title></rect>"#,
                y + 1.0,
                (width - 0.5).max(0.8),
                ROW - 2.0,
                text(&words)
            );
        }
    }
    let labels = labels(window).into_iter().map(|(bar, label)| (NAMES + width * count(bar), label));
    frame(title, height, &format!("{shapes}{}", axis(labels, height)))
}

/// A bar a name.
pub(super) fn named(title: &str, rows: &[(&str, String, u64)]) -> String {
    let height = TOP + ROW * count(rows.len()) + 4.0;
    let most = rows.iter().map(|(_, _, value)| *value).max().unwrap_or(1).max(1);
    let mut shapes = String::new();
    for (index, (class, name, value)) in rows.iter().enumerate() {
        let y = TOP + ROW * count(index);
        let width = ((WIDTH - NAMES - NUMBERS) * float(*value) / float(most)).max(1.0);
        let _ = write!(
            shapes,
            r#"<text class="name" x="{:.0}" y="{:.1}">{}<title>{}</title></text><rect class="{class}" x="{NAMES}" y="{:.1}" width="{width:.1}" height="{:.1}"/><text class="value" x="{WIDTH}" y="{:.1}">{}</text>"#,
            NAMES - 8.0,
            y + 14.0,
            short(name, 26),
            text(name),
            y + 2.0,
            ROW - 4.0,
            y + 14.0,
            number(*value)
        );
    }
    frame(title, height, &shapes)
}

fn frame(title: &str, height: f64, shapes: &str) -> String {
    let title = text(title);
    format!(
        r#"<div class="chart"><svg role="img" aria-label="{title}" viewBox="0 0 {WIDTH} {height:.0}" xmlns="http://www.w3.org/2000/svg">{shapes}</svg></div>"#
    )
}

fn grid(most: u64, unit: &str) -> String {
    let mut lines = String::new();
    for value in [0, most / 2, most] {
        let y = HEIGHT - BOTTOM - scale(value, most);
        let _ = write!(
            lines,
            r#"<line class="grid" x1="{LEFT}" x2="{WIDTH}" y1="{y:.1}" y2="{y:.1}"/><text class="axis end" x="{:.0}" y="{:.1}">{}{unit}</text>"#,
            LEFT - 6.0,
            y + 4.0,
            number(value)
        );
    }
    lines
}

fn times(window: &Window, height: f64) -> String {
    let step = step(window);
    axis(labels(window).into_iter().map(|(bar, label)| (LEFT + step * count(bar), label)), height)
}

fn axis(labels: impl Iterator<Item = (f64, String)>, height: f64) -> String {
    let mut words = String::new();
    for (x, label) in labels {
        let _ = write!(words, r#"<text class="axis" x="{x:.1}" y="{:.1}">{}</text>"#, height - 8.0, text(&label));
    }
    words
}

/// About six of them, with room between.
fn labels(window: &Window) -> Vec<(usize, String)> {
    let every = window.bars.div_ceil(6);
    let of_a_day = window.width.saturating_mul(window.bars as u64) <= 2 * DAY;
    let range = if of_a_day { 11..16 } else { 5..10 };
    let label = |bar: usize| {
        date::text(window.start_of(bar) / 1000).and_then(|text| text.get(range.clone()).map(str::to_owned))
    };
    (0..window.bars).step_by(every).filter_map(|bar| Some((bar, label(bar)?))).collect()
}

fn when(window: &Window, bar: usize) -> String {
    let text = date::text(window.start_of(bar) / 1000).unwrap_or_default();
    text.replace('T', " ").trim_end_matches(":00Z").to_owned()
}

fn step(window: &Window) -> f64 {
    (WIDTH - LEFT) / count(window.bars)
}

fn scale(value: u64, most: u64) -> f64 {
    (HEIGHT - BOTTOM - TOP) * float(value) / float(most.max(1))
}

/// 1, 2 or 5 and zeros: what an axis ends with.
fn nice(value: u64) -> u64 {
    let mut power = 1_u64;
    loop {
        for factor in [2, 4, 10] {
            let candidate = power.saturating_mul(factor);
            if candidate >= value || candidate == u64::MAX {
                return candidate;
            }
        }
        power = power.saturating_mul(10);
    }
}

#[expect(clippy::cast_precision_loss, reason = "a pixel is coarser")]
fn float(value: u64) -> f64 {
    value as f64
}

fn count(value: usize) -> f64 {
    float(value as u64)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "milliseconds, and the cast saturates")]
fn ceil(value: f64) -> u64 {
    value.ceil() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_ends_with_a_round_number() {
        for (value, end) in [(0, 2), (1, 2), (3, 4), (5, 10), (11, 20), (39, 40), (41, 100), (1_000_001, 2_000_000)] {
            assert_eq!(nice(value), end, "{value}");
        }
        assert_eq!(nice(u64::MAX), u64::MAX);
    }
}
