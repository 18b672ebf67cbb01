//! Tables fit, and lose nothing where they need not.

use super::*;
use proptest::prelude::*;

const COLUMNS: [Column; 3] = [
    Column {
        title: "NAME",
        align: Align::Left,
        importance: 9,
        cut: Cut::To(6),
    },
    Column {
        title: "SIZE",
        align: Align::Right,
        importance: 6,
        cut: Cut::Never,
    },
    Column {
        title: "PLACE",
        align: Align::Left,
        importance: 7,
        cut: Cut::To(5),
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
         数据库-…  1204  somewhe…\n"
    );
    assert_eq!(
        table(Some(14), &ROWS),
        "NAME    PLACE\nshort\n数据…   somew…\n"
    );
    assert_eq!(table(Some(5), &ROWS), "NAME\nshort\n数据…\n");
}

#[test]
fn extras_go_before_anything_is_shortened() {
    let mut columns = COLUMNS;
    columns[1].importance = ESSENTIAL - 1;
    assert_eq!(
        fit(&columns, &[17, 4, 9], Some(29)),
        [Some(17), None, Some(9)]
    );
    assert_eq!(fit(&columns, &[17, 4, 9], Some(34)), [17, 4, 9].map(Some));
}

#[test]
fn an_address_of_this_host_is_cut_to_its_port_before_anything_else() {
    let mut columns = COLUMNS;
    columns[2].cut = Cut::ToPort;
    let mut out = Vec::new();
    let rows = [
        ["redis-server", "7", "10.64.0.1:6379"],
        ["sshd", "8", "[fd00::1]:22"],
        ["x", "9", "[::]:1"],
    ];
    write(
        &mut out,
        Page::new(Some(26), false),
        &columns,
        3,
        |at, row| {
            for text in rows[at] {
                row.cell(style::PLAIN).push_str(text);
            }
        },
    )
    .unwrap();
    assert_eq!(
        String::from_utf8(out).unwrap(),
        "NAME          SIZE  PLACE\n\
         redis-server     7  :6379\n\
         sshd             8  :22\n\
         x                9  [::]:1\n"
    );
}

#[test]
fn of_an_address_the_port_stays() {
    for (text, width, short) in [
        ("198.51.100.7:61000", 15, "198.51.1…:61000"),
        ("[fd00:a77::9]:40112", 15, "[fd00:a…]:40112"),
        ("10.64.0.1:6379", 6, "…:6379"),
        ("10.64.0.1:6379", 5, "10.6…"),
        ("redis-server", 8, "redis-s…"),
        ("a:b", 2, "a…"),
    ] {
        assert_eq!(shorten(text, width), short);
    }
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
