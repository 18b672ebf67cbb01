//! Good bytes in the wrong place: replayed, cut short, in another order, too long. Each
//! is refused with its reason, within the bounds, and harms no session that lives.

use ayt_core::session::codec::Decoder;
use ayt_core::session::codec::bounds::MAX_PAYLOAD_DEFAULT;
use ayt_core::session::frame::{Frame, Refuse, Welcome};
use ayt_core::session::handshake::{Client as Handshake, ClientStep, Purpose};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};

use super::client::refusal;
use super::*;
use crate::session::driver::Clock;
use crate::session::wire::{read_frame, write_frame};

fn encoded(frame: &Frame) -> Vec<u8> {
    let mut bytes = Vec::new();
    frame.encode(&mut bytes).unwrap();
    bytes
}

fn data(seq: u64) -> Frame {
    Frame::Data {
        seq,
        message: Bytes::from(format!("message {seq}")),
    }
}

/// What a device wrote, frame by frame, until it was registered.
struct Recorded {
    hello: Vec<u8>,
    proof: Vec<u8>,
}

/// Registers, and keeps what it writes.
async fn record(device: &Device, server: &Server) -> (Recorded, DuplexStream, Decoder, Welcome) {
    let mut io = device.dial(server);
    let clock = Clock::start();
    let mut decoder = Decoder::new();
    let nonce = shared::random().unwrap();
    let (mut handshake, hello) = Handshake::start(
        &device.settings,
        device.credential.clone(),
        Purpose::Register,
        nonce,
        clock.now(),
    )
    .unwrap();
    write_frame(&mut io, &hello).await.unwrap();
    let mut proof = Vec::new();
    loop {
        let frame = read_frame(&mut io, &mut decoder).await.unwrap();
        match handshake.on_frame(&frame, clock.now()).unwrap() {
            ClientStep::Send(frame) => {
                proof = encoded(&frame);
                write_frame(&mut io, &frame).await.unwrap();
            }
            ClientStep::Registered(welcome) => {
                let hello = encoded(&hello);
                return (Recorded { hello, proof }, io, decoder, welcome);
            }
            ClientStep::Refused(refuse) => panic!("{refuse:?}"),
        }
    }
}

/// The refusal, after a CHALLENGE where there is one.
async fn refused(io: &mut DuplexStream) -> Refuse {
    let mut decoder = Decoder::new();
    loop {
        match read_frame(io, &mut decoder).await.unwrap() {
            Frame::Challenge(_) => {}
            Frame::Refuse(refuse) => return refuse,
            other => panic!("{other:?}"),
        }
    }
}

/// A session that must not notice anything.
struct Living {
    client: client::Client,
    session: Session,
    epoch: u64,
}

impl Living {
    async fn enter(server: &Server) -> Self {
        let (client, session) = Device::a().enter(server).await;
        let epoch = session.epoch();
        Self {
            client,
            session,
            epoch,
        }
    }

    async fn lives(&mut self) {
        self.client.send("there").await;
        assert_eq!(self.session.recv().await.unwrap(), "there");
        self.session.send("yes").await.unwrap();
        assert_eq!(self.client.recv().await, "yes");
        assert_eq!(self.session.epoch(), self.epoch);
    }
}

/// Every order of these.
fn orders(items: &[usize]) -> Vec<Vec<usize>> {
    if items.is_empty() {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for at in 0..items.len() {
        let mut rest = items.to_vec();
        let first = rest.remove(at);
        for mut order in orders(&rest) {
            order.insert(0, first);
            all.push(order);
        }
    }
    all
}

#[tokio::test(start_paused = true)]
async fn a_recorded_registration_is_worth_nothing_the_second_time() {
    let server = server();
    let device = Device::new("b", 2);
    let (recorded, mut io, _decoder, _welcome) = record(&device, &server).await;
    let mut session = server.accept().await.unwrap();
    let epoch = session.epoch();
    for with_data in [false, true] {
        let mut all = [recorded.hello.clone(), recorded.proof.clone()].concat();
        if with_data {
            all.extend_from_slice(&encoded(&data(1)));
        }
        let mut replay = device.dial(&server);
        replay.write_all(&all).await.unwrap();
        assert_eq!(refused(&mut replay).await.reason, Reason::NotAuthorised);
        assert_eq!(replay.read(&mut [0]).await.unwrap(), 0, "it is closed");
    }
    // The session whose registration was replayed still carries its data.
    assert_eq!((session.epoch(), session.is_connected()), (epoch, true));
    write_frame(&mut io, &data(1)).await.unwrap();
    assert_eq!(session.recv().await.unwrap(), "message 1");
    assert_eq!(server.stats().takeovers, 0);
}

#[tokio::test(start_paused = true)]
async fn every_prefix_of_a_registration_ends_at_once_or_at_the_deadline() {
    let server = server();
    let mut living = Living::enter(&server).await;
    let device = Device::new("b", 2);
    let (recorded, ..) = record(&device, &server).await;
    let _session = server.accept().await.unwrap();
    let all = [recorded.hello.clone(), recorded.proof.clone()].concat();
    let from = |n: usize| Device {
        peer: at(u16::try_from(n).unwrap() + 300),
        ..device.clone()
    };
    let gone = server.stats().gone;
    for n in 0..all.len() {
        let mut io = from(n).dial(&server);
        io.write_all(&all[..n]).await.unwrap();
        drop(io);
    }
    until(|| server.stats().now.unregistered == 0).await;
    assert_eq!(server.stats().gone - gone, all.len() as u64);
    living.lives().await;
    // The same, and then nothing more: the deadline counts from the connection.
    let begun = tokio::time::Instant::now();
    let mut silent = Vec::new();
    for n in 0..all.len() {
        let mut io = from(n).dial(&server);
        io.write_all(&all[..n]).await.unwrap();
        silent.push(io);
    }
    assert_eq!(server.stats().now.unregistered, all.len());
    for mut io in silent {
        assert_eq!(refused(&mut io).await.reason, Reason::TooLate);
    }
    assert_eq!(begun.elapsed().as_secs(), 10);
    living.lives().await;
    until(|| server.stats().now.unregistered == 0).await;
}

#[tokio::test(start_paused = true)]
async fn every_other_order_of_a_registration_is_refused_with_its_reason() {
    let server = server();
    let mut living = Living::enter(&server).await;
    let device = Device::new("b", 2);
    let (recorded, ..) = record(&device, &server).await;
    let _session = server.accept().await.unwrap();
    let frames = [
        recorded.hello.clone(),
        recorded.proof.clone(),
        encoded(&data(1)),
        encoded(&Frame::Beat),
    ];
    for (n, order) in orders(&[0, 1, 2, 3]).iter().enumerate() {
        let mut io = Device {
            peer: at(n as u16 + 300),
            ..device.clone()
        }
        .dial(&server);
        let all: Vec<u8> = order.iter().flat_map(|&at| frames[at].clone()).collect();
        io.write_all(&all).await.unwrap();
        let refuse = refused(&mut io).await;
        let expected = match order[..] {
            // In its order, but recorded on another connection.
            [0, 1, ..] => Reason::NotAuthorised,
            _ => Reason::ProtocolError,
        };
        assert_eq!(refuse.reason, expected, "{order:?}: {}", refuse.text);
        living.lives().await;
    }
    until(|| server.stats().now.unregistered == 0).await;
}

#[tokio::test(start_paused = true)]
async fn every_order_of_a_sessions_frames_is_right_or_refused_with_its_reason() {
    let server = server();
    let mut living = Living::enter(&server).await;
    let device = Device::new("b", 2);
    let frames = [
        data(1),
        data(2),
        data(3),
        Frame::Ping(*b"ping"),
        Frame::Ack(0),
        Frame::Beat,
    ];
    for order in orders(&[0, 1, 2, 3, 4, 5]) {
        let (_, mut io, mut decoder, _) = record(&device, &server).await;
        let mut session = server.accept().await.unwrap();
        let all: Vec<u8> = order.iter().flat_map(|&at| encoded(&frames[at])).collect();
        io.write_all(&all).await.unwrap();
        let numbers: Vec<usize> = order.iter().copied().filter(|&at| at < 3).collect();
        // Those that came in their order are handed over, whatever came after them.
        let right = numbers.iter().zip(0..).take_while(|(got, at)| **got == *at);
        let right = right.count();
        for n in 1..=right {
            assert_eq!(session.recv().await.unwrap(), format!("message {n}"));
        }
        session.done();
        if right < 3 {
            let bye = loop {
                match read_frame(&mut io, &mut decoder).await.unwrap() {
                    Frame::Bye(bye) => break bye,
                    Frame::Pong(_) | Frame::Ack(_) => {}
                    other => panic!("{other:?}"),
                }
            };
            assert_eq!(bye.reason, Reason::ProtocolError, "{order:?}");
        } else {
            assert!(session.is_connected(), "{order:?}");
        }
    }
    living.lives().await;
}

#[tokio::test(start_paused = true)]
async fn what_was_never_sent_cannot_be_acknowledged_and_old_data_is_dropped() {
    let server = server();
    let device = Device::new("b", 2);
    let (_, mut io, mut decoder, _) = record(&device, &server).await;
    let mut session = server.accept().await.unwrap();
    for seq in [1, 1, 2, 1, 2, 3] {
        write_frame(&mut io, &data(seq)).await.unwrap();
    }
    for n in 1..=3 {
        assert_eq!(session.recv().await.unwrap(), format!("message {n}"));
    }
    write_frame(&mut io, &Frame::Ack(1)).await.unwrap();
    loop {
        match read_frame(&mut io, &mut decoder).await.unwrap() {
            Frame::Bye(bye) => break assert_eq!(bye.reason, Reason::ProtocolError),
            Frame::Ack(_) => {}
            other => panic!("{other:?}"),
        }
    }
    let more = tokio::time::timeout(S, session.recv()).await;
    assert!(
        more.is_err(),
        "nothing twice, and the session stays: {more:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_length_beyond_its_bound_is_refused_by_its_header_alone() {
    let server = server();
    let mut living = Living::enter(&server).await;
    let header = |kind: u8, length: u32| {
        let [_, a, b, c] = length.to_be_bytes();
        [kind, a, b, c]
    };
    for length in [1_025, 65_544, 0x00ff_ffff] {
        let mut io = Device::new("b", 2).dial(&server);
        io.write_all(&header(0x01, length)).await.unwrap();
        assert_eq!(refusal(&mut io).await.reason, Reason::ProtocolError);
    }
    for (kind, length) in [
        (0x10, MAX_PAYLOAD_DEFAULT + 1),
        (0x10, 0x00ff_ffff),
        (0x80, MAX_PAYLOAD_DEFAULT + 1),
        // A length that does not fit the type.
        (0x12, 5),
        (0x14, 1),
    ] {
        let (_, mut io, mut decoder, _) = record(&Device::new("b", 2), &server).await;
        let session = server.accept().await.unwrap();
        io.write_all(&header(kind, length)).await.unwrap();
        match read_frame(&mut io, &mut decoder).await.unwrap() {
            Frame::Bye(bye) => assert_eq!(bye.reason, Reason::ProtocolError),
            other => panic!("{other:?}"),
        }
        until(|| !session.is_connected()).await;
    }
    living.lives().await;
}
