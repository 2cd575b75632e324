use std::path::PathBuf;

use protocol::jpeg;
use tokio::sync::mpsc;
use tokio::task::yield_now;
use tokio::time::{Instant, timeout};

use super::*;
use crate::control::order::{Envelope, Order, Outcome, Reply, Wish};
use crate::control::{DeskEnd, line};
use crate::source::fixture;

/// Whoever gives orders, and hears what came of them.
struct Captain {
    desk: DeskEnd,
    sender: mpsc::UnboundedSender<(Envelope, Outcome)>,
    outcomes: mpsc::UnboundedReceiver<(Envelope, Outcome)>,
}

impl Captain {
    fn of(spec: &SourceSpec) -> (Self, SteeredSource) {
        let options = fixture::options();
        let (desk, capture_end) = line(spec, &options);
        let (sender, outcomes) = mpsc::unbounded_channel();
        let source = SteeredSource::open(spec, &options, Some(capture_end)).unwrap();
        let captain = Self {
            desk,
            sender,
            outcomes,
        };
        (captain, source)
    }

    fn order(&self, wish: Wish) {
        let envelope = Envelope {
            consumer: "pc".parse().unwrap(),
            correlation_data: None,
            command: "test",
        };
        let reply = Reply::new(envelope, self.sender.clone());
        assert!(self.desk.orders.try_send(Order { wish, reply }).is_ok());
    }

    fn outcome(&mut self) -> Option<Outcome> {
        self.outcomes.try_recv().ok().map(|(_, outcome)| outcome)
    }

    /// Gives an order while the source waits for a picture, and expects none.
    async fn order_quietly(&mut self, source: &mut SteeredSource, wish: Wish) -> Outcome {
        self.order(wish);
        let outcomes = &mut self.outcomes;
        tokio::select! {
            biased;
            captured = source.next() => panic!("{captured:?}"),
            Some((_, outcome)) = outcomes.recv() => outcome,
        }
    }
}

async fn picture(source: &mut SteeredSource) -> Option<protocol::jpeg::Picture> {
    match source.next().await.unwrap() {
        Captured::Picture(picture) => Some(jpeg::prepare(picture.jpeg, 1 << 20).unwrap()),
        Captured::Broken(error) => panic!("{error}"),
        Captured::End => None,
    }
}

fn clip(folder: &tempfile::TempDir, pictures: u8) -> SourceSpec {
    let path: PathBuf = folder.path().join("clip.mjpeg");
    let shades: Vec<_> = (1..=pictures).map(fixture::picture).collect();
    std::fs::write(&path, shades.concat()).unwrap();
    SourceSpec::Path(path)
}

#[tokio::test(start_paused = true)]
async fn a_paused_file_goes_on_where_it_was() {
    let folder = tempfile::TempDir::new().unwrap();
    let (mut captain, mut source) = Captain::of(&clip(&folder, 9));
    for nth in 1..=9 {
        let outcome = captain.order_quietly(&mut source, Wish::Pause).await;
        assert_eq!(outcome, Outcome::Done);
        let waiting = timeout(Duration::from_mins(1), source.next()).await;
        assert!(waiting.is_err(), "a picture while paused");
        captain.order(Wish::Resume);
        let prepared = picture(&mut source).await.unwrap();
        assert_eq!(prepared.jpeg, fixture::picture(nth));
        assert_eq!(captain.outcome(), Some(Outcome::Done));
    }
    assert!(picture(&mut source).await.is_none());
    assert_eq!(source.paused(), Duration::from_mins(9));
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_of_a_paused_camera_is_taken_for_it() {
    let (mut captain, mut source) = Captain::of(&SourceSpec::Test);
    captain.order_quietly(&mut source, Wish::Pause).await;
    let before = jiff::Timestamp::now();
    let outcome = captain.order_quietly(&mut source, Wish::Snapshot).await;
    let Outcome::Picture(snapshot) = outcome else {
        panic!("{outcome:?}");
    };
    assert_eq!((snapshot.width, snapshot.height), (320, 240));
    assert_eq!(snapshot.place, None);
    assert!(snapshot.captured_at >= protocol::frame::to_microseconds(before));
    captain.order(Wish::Resume);
    captain.order(Wish::Snapshot);
    picture(&mut source).await.unwrap();
    assert_eq!(captain.outcome(), Some(Outcome::Done));
    assert_eq!(captain.outcome(), Some(Outcome::Newest));
}

#[tokio::test(start_paused = true)]
async fn a_new_size_is_answered_once_a_picture_has_it() {
    let (mut captain, mut source) = Captain::of(&SourceSpec::Test);
    assert_eq!(picture(&mut source).await.unwrap().width, 320);
    captain.order(Wish::Resolution("640x480".parse().unwrap()));
    assert_eq!(picture(&mut source).await.unwrap().width, 640);
    assert_eq!(captain.outcome(), None);
    assert_eq!(picture(&mut source).await.unwrap().height, 480);
    assert_eq!(captain.outcome(), Some(Outcome::Done));
    assert_eq!(captain.desk.state.asked().unwrap().resolution, "640x480");
}

#[tokio::test(start_paused = true)]
async fn a_new_rate_is_kept_from_then_on() {
    let (mut captain, mut source) = Captain::of(&SourceSpec::Test);
    picture(&mut source).await.unwrap();
    captain.order(Wish::Fps(0.5));
    picture(&mut source).await.unwrap();
    let began = Instant::now();
    for _ in 0..5 {
        picture(&mut source).await.unwrap();
    }
    assert_eq!(began.elapsed(), Duration::from_secs(10));
    assert_eq!(captain.outcome(), Some(Outcome::Done));
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_mode_that_gives_no_pictures_is_taken_back() {
    let folder = tempfile::TempDir::new().unwrap();
    let missing = SourceSpec::V4l2(folder.path().join("video0"));
    let (mut captain, mut source) = Captain::of(&missing);
    let wish = Wish::Resolution("640x480".parse().unwrap());
    let Outcome::Refused(why) = captain.order_quietly(&mut source, wish).await else {
        panic!("not refused");
    };
    assert!(
        why.contains("no picture came within 4 s of asking for 640x480"),
        "{why}"
    );
    assert_eq!(captain.desk.state.asked().unwrap().resolution, "320x240");
}

#[tokio::test(start_paused = true)]
async fn what_a_source_cannot_do_is_refused_and_costs_no_picture() {
    let folder = tempfile::TempDir::new().unwrap();
    let (mut captain, mut source) = Captain::of(&clip(&folder, 4));
    for (nth, wish) in [
        (1, Wish::Fps(5.0)),
        (2, Wish::Resolution("64x64".parse().unwrap())),
        (
            3,
            Wish::Set(protocol::control::Controls::new(vec![("gain".into(), 1)]).unwrap()),
        ),
    ] {
        captain.order(wish);
        let prepared = picture(&mut source).await.unwrap();
        assert_eq!(prepared.jpeg, fixture::picture(nth));
        assert!(matches!(captain.outcome(), Some(Outcome::Refused(_))));
    }
}

#[tokio::test(start_paused = true)]
async fn orders_are_obeyed_while_a_frame_waits_for_room() {
    let folder = tempfile::TempDir::new().unwrap();
    let (mut captain, mut source) = Captain::of(&clip(&folder, 1));
    captain.order(Wish::Pause);
    let work = async {
        while !captain.desk.state.is_paused() {
            yield_now().await;
        }
    };
    source.while_obeying(work).await;
    assert_eq!(captain.outcome(), Some(Outcome::Done));
}

#[cfg(unix)]
#[tokio::test]
async fn a_paused_program_has_ended_and_is_started_again() {
    let folder = tempfile::TempDir::new().unwrap();
    let picture_file = folder.path().join("one.jpg");
    std::fs::write(&picture_file, fixture::picture(1)).unwrap();
    let starts = folder.path().join("starts");
    let script = format!(
        "echo x >> {0}; while :; do cat {1}; sleep 0.02; done",
        starts.display(),
        picture_file.display()
    );
    let spec = SourceSpec::Exec(vec!["sh".into(), "-c".into(), script]);
    let (mut captain, mut source) = Captain::of(&spec);
    picture(&mut source).await.unwrap();
    captain.order_quietly(&mut source, Wish::Pause).await;
    let FrameSource::Exec(program) = &source.source else {
        panic!("no program");
    };
    assert!(!program.is_running());
    captain.order(Wish::Resume);
    picture(&mut source).await.unwrap();
    assert_eq!(std::fs::read_to_string(starts).unwrap().lines().count(), 2);
}

#[tokio::test]
async fn whoever_asks_at_the_end_is_told_so() {
    let (mut captain, source) = Captain::of(&SourceSpec::Test);
    captain.order(Wish::Pause);
    drop(source);
    assert_eq!(
        captain.outcome(),
        Some(Outcome::Refused("the capture has ended".into()))
    );
}
