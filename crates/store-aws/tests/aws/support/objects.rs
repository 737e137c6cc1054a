//! Objects on a server whose clock follows the test's: what a link allows, and until when, is decided by the server, by
//! the signature, over HTTP.

use aiv1_store::contract::{Http, HttpAnswer, HttpRequest};
use aiv1_store::{BlobKey, Blobs, Clock, ManualClock, RETENTION};
use aiv1_store_aws::{AwsStore, Config};
use aiv1_test_servers::{Ministack, S3};
use async_trait::async_trait;
use aws_sdk_s3::Client;
use aws_smithy_async::time::TimeSource;
use jiff::{SignedDuration, Timestamp};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

const BUCKET: &str = "objects";

/// Either server; neither does all that S3 does.
#[derive(Debug)]
pub(crate) enum Server {
    Ministack(Ministack),
    S3(S3),
}

impl Server {
    /// Knows conditions, and keeps nothing that fails its checksum.
    pub(crate) fn ministack(clock: &ManualClock) -> Self {
        Self::Ministack(Ministack::start_at(server_time(clock.now())))
    }

    /// Insists on every part of a signature; its objects are dated by the machine's clock.
    pub(crate) fn s3(clock: &ManualClock) -> Self {
        Self::S3(S3::start_at(server_time(clock.now()), &[]))
    }

    fn endpoint(&self) -> String {
        match self {
            Self::Ministack(server) => server.endpoint(),
            Self::S3(server) => server.endpoint(),
        }
    }

    fn set_time(&self, now: SystemTime) {
        match self {
            Self::Ministack(server) => server.set_time(now),
            Self::S3(server) => server.set_time(now),
        }
    }
}

/// The test's clock; whoever asks it, the server has been told first. A request is signed at a time, so that nothing
/// reaches the server before its clock is right.
#[derive(Debug)]
struct Together {
    clock: Arc<ManualClock>,
    server: Server,
    told: Mutex<Timestamp>,
}

impl Clock for Together {
    fn now(&self) -> Timestamp {
        let (now, mut told) = (self.clock.now(), self.told.lock().unwrap());
        if *told != now {
            self.server.set_time(server_time(now));
            *told = now;
        }
        now
    }
}

/// The same clock, as the SDK asks it.
#[derive(Debug)]
struct Signing(Arc<Together>);

impl TimeSource for Signing {
    fn now(&self) -> SystemTime {
        self.0.now().into()
    }
}

/// A link holds to the end of its last second, so the server's clock is a little past it.
fn server_time(now: Timestamp) -> SystemTime {
    (now + SignedDuration::from_millis(1)).into()
}

/// A bucket of its own for a test.
#[derive(Debug)]
pub(crate) struct Objects {
    clock: Arc<Together>,
    client: Client,
    http: reqwest::Client,
}

impl Objects {
    /// An empty one on a server that was started at `clock`'s time.
    pub(crate) async fn open(clock: &Arc<ManualClock>, server: Server) -> (Arc<Self>, Arc<dyn Blobs>) {
        let clients = super::table::clients(&server.endpoint()).await;
        let told = Mutex::new(clock.now());
        let together = Arc::new(Together { clock: Arc::clone(clock), server, told });
        let sdk = super::table::loader(&together.server.endpoint()).load().await;
        let config = aws_sdk_s3::config::Builder::from(&sdk).time_source(Signing(Arc::clone(&together)));
        let client = Client::from_conf(config.build());
        client.create_bucket().bucket(BUCKET).send().await.unwrap();
        let config = Config {
            table: "unused".to_owned(),
            bucket: BUCKET.to_owned(),
            rebuild_queue: None,
            parameters: None,
        };
        let store = AwsStore::open(&clients, &config, Arc::clone(&together) as Arc<dyn Clock>);
        (Arc::new(Self { clock: together, client, http: reqwest::Client::new() }), store.blobs())
    }

    /// The servers do not act on lifecycle rules. This does, as S3 is documented to: an object goes at the
    /// first midnight (UTC) after its days are over.
    async fn sweep(&self) {
        let now = self.clock.now();
        let listed =
            self.client.list_objects_v2().bucket(BUCKET).prefix(BlobKey::EXPIRING).send().await.unwrap();
        for object in listed.contents() {
            let over = object.last_modified().unwrap().secs() + RETENTION.as_secs();
            let midnight = over.cast_unsigned().next_multiple_of(86_400).cast_signed();
            if midnight <= now.as_second() {
                self.client.delete_object().bucket(BUCKET).key(object.key().unwrap()).send().await.unwrap();
            }
        }
    }
}

#[async_trait]
impl Http for Objects {
    async fn send(&self, request: HttpRequest) -> HttpAnswer {
        self.sweep().await;
        let mut send = self.http.request(request.method.parse().unwrap(), &request.url).body(request.body);
        for (name, value) in request.headers {
            send = send.header(name, value);
        }
        let answer = send.send().await.unwrap();
        let text = |(name, value): (&reqwest::header::HeaderName, &reqwest::header::HeaderValue)| {
            (name.to_string(), value.to_str().unwrap().to_owned())
        };
        HttpAnswer {
            status: answer.status().as_u16(),
            headers: answer.headers().iter().map(text).collect(),
            body: answer.bytes().await.unwrap(),
        }
    }
}
