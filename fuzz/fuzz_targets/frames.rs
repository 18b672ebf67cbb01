//! Bytes of a connection into frames: the pieces do not matter, what was read writes
//! itself again, limits hold, and no more memory is held than they say.
#![no_main]

use ayt_core::session::codec::{Decoder, FrameError, HEADER};
use ayt_core::session::frame::Frame;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((&[high, low, a, b], stream)) = data.split_first_chunk() else {
        return;
    };
    let limit = u32::from(u16::from_be_bytes([high, low]));
    let whole = read(stream, limit, &[usize::MAX]);
    let pieces = [usize::from(a) + 1, usize::from(b) + 1];
    assert_eq!(read(stream, limit, &pieces), whole, "in pieces");
    assert_eq!(read(stream, limit, &[1]), whole, "byte by byte");

    let mut rest = stream;
    for frame in &whole.0 {
        let mut written = Vec::new();
        frame.encode(&mut written).expect("it was read");
        assert!(written.len() <= HEADER + limit as usize);
        let (mut was, after) = (rest[..written.len()].to_vec(), &rest[written.len()..]);
        // The one thing that is not kept: a reason that a later version added.
        if let Frame::Refuse(_) | Frame::Bye(_) = frame
            && !(1..=12).contains(&was[HEADER])
        {
            was[HEADER] = 5;
        }
        assert_eq!(written, was);
        rest = after;
    }
    if whole.1.is_none() {
        assert!(rest.is_empty(), "nothing is left unread");
    }
});

fn read(stream: &[u8], limit: u32, pieces: &[usize]) -> (Vec<Frame>, Option<FrameError>) {
    let mut decoder = Decoder::new();
    decoder.set_limit(limit);
    let mut frames = Vec::new();
    let mut sizes = pieces.iter().cycle();
    let mut rest = stream;
    while let Some(&size) = sizes.next()
        && !rest.is_empty()
    {
        let (mut piece, after) = rest.split_at(size.min(rest.len()));
        rest = after;
        while !piece.is_empty() {
            let taken = decoder.feed(piece);
            piece = &piece[taken..];
            assert!(decoder.allocated() <= HEADER + limit as usize);
            loop {
                match decoder.next_frame() {
                    Ok(Some(frame)) => frames.push(frame),
                    Ok(None) => break,
                    Err(error) => {
                        assert_eq!(decoder.next_frame(), Err(error));
                        assert_eq!(decoder.allocated(), 0);
                        return (frames, Some(error));
                    }
                }
            }
        }
    }
    (frames, decoder.finish().err())
}
