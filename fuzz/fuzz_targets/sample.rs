//! A parser of our own making, only to prove that the machinery finds its way;
//! it goes when the first real target comes.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Some(tree) = parse(data) {
        // What was taken apart says the same when it is put together again.
        let mut again = b"AYT1".to_vec();
        write(&tree, &mut again);
        assert_eq!(again, data);
    }
});

#[derive(Debug)]
enum Node {
    Number(u32),
    Name(Vec<u8>),
    List(Vec<Node>),
}

const MOST_DEPTH: usize = 8;

/// "AYT1", then one node: `n` + 4 bytes, `s` + length + bytes, or `(` nodes `)`.
fn parse(data: &[u8]) -> Option<Node> {
    let rest = data.strip_prefix(b"AYT1")?;
    let (node, rest) = node(rest, 0)?;
    rest.is_empty().then_some(node)
}

fn node(data: &[u8], depth: usize) -> Option<(Node, &[u8])> {
    let (tag, rest) = data.split_first()?;
    match tag {
        b'n' => {
            let (number, rest) = rest.split_first_chunk::<4>()?;
            Some((Node::Number(u32::from_be_bytes(*number)), rest))
        }
        b's' => {
            let (length, rest) = rest.split_first()?;
            let (name, rest) = rest.split_at_checked(usize::from(*length))?;
            Some((Node::Name(name.to_vec()), rest))
        }
        b'(' if depth < MOST_DEPTH => {
            let mut nodes = Vec::new();
            let mut rest = rest;
            while rest.first() != Some(&b')') {
                let (one, after) = node(rest, depth + 1)?;
                nodes.push(one);
                rest = after;
            }
            Some((Node::List(nodes), &rest[1..]))
        }
        _ => None,
    }
}

fn write(node: &Node, out: &mut Vec<u8>) {
    match node {
        Node::Number(number) => {
            out.push(b'n');
            out.extend(number.to_be_bytes());
        }
        Node::Name(name) => {
            out.push(b's');
            out.extend(u8::try_from(name.len()));
            out.extend(name);
        }
        Node::List(nodes) => {
            out.push(b'(');
            nodes.iter().for_each(|node| write(node, out));
            out.push(b')');
        }
    }
}
