//! Tables fit, and lose nothing where they need not.

use super::*;
use proptest::prelude::*;

const COLUMNS: [Column; 3] = [
    Column {
        title: "NAME",
        align: Align::Left,
        importance: 9,
        shortest: Some(6),
    },
    Column {
        title: "SIZE",
        align: Align::Right,
        importance: 1,
        shortest: None,
    },
    Column {
        title: "PLACE",
        align: Align::Left,
        importance: 5,
        shortest: Some(5),
    },
];

const ROWS: [[&str; 3]; 2] = [
    ["short", "7", ""],
    ["数据库-primary-01", "1204", "somewhere"],
];

fn table(width: Option<usize>, rows: &[[&str; 3]]) -> String {
    let mut out = Vec::new();
    write(
        &mut out,
        Page::new(width, false),
        &COLUMNS,
        rows.len(),
        |at, row| {
            for text in rows[at] {
                row.cell(style::PLAIN).push_str(text);
            }
        },
    )
    .unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn without_a_terminal_nothing_is_cut_and_no_line_ends_in_spaces() {
    assert_eq!(
        table(None, &ROWS),
        "NAME               SIZE  PLACE\n\
         short                 7\n\
         数据库-primary-01  1204  somewhere\n"
    );
}

#[test]
fn short_room_shortens_first_then_drops_the_least_important() {
    assert_eq!(
        table(Some(24), &ROWS),
        "NAME      SIZE  PLACE\n\
         short        7\n\
         数据…-01  1204  some…ere\n"
    );
    assert_eq!(
        table(Some(14), &ROWS),
        "NAME    PLACE\nshort\n数…-01  som…re\n"
    );
    assert_eq!(table(Some(5), &ROWS), "NAME\nshort\n数…01\n");
}

proptest! {
    #[test]
    fn no_line_is_wider_than_the_terminal(
        cells in proptest::collection::vec(("\\PC{0,30}", "[0-9]{0,8}", "\\PC{0,30}"), 0..6),
        width in 4usize..90,
    ) {
        let rows: Vec<[&str; 3]> = cells.iter().map(|(a, b, c)| [a.as_str(), b, c]).collect();
        for line in table(Some(width), &rows).lines() {
            prop_assert!(line.width() <= width, "{line:?}");
        }
    }
}
