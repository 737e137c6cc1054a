//! What reaches the functions, and traps: at a named request the line is cut, before it is heard or before it is answered.

use crate::line::Line;
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use std::sync::{Arc, Mutex};

/// Which request a trap is for, by the end of its path.
#[derive(Clone, Copy, Debug)]
pub(crate) enum At {
    Claim,
    Phase,
    Upload,
    Result,
}

impl At {
    fn is(self, method: &Method, path: &str) -> bool {
        match self {
            Self::Claim => path.ends_with("/claim"),
            Self::Phase => path.ends_with("/phase"),
            Self::Upload => *method == Method::PUT,
            Self::Result => path.ends_with("/result"),
        }
    }
}

/// When the line is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    /// The request is not heard.
    Before,
    /// What was asked is done, and the answer is lost.
    After,
}

#[derive(Debug)]
struct Trap {
    line: Line,
    at: At,
    when: When,
    refuse: usize,
}

/// Requests as they came, and the trap that is set.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    seen: Mutex<Vec<(Method, String, StatusCode)>>,
    trap: Mutex<Option<Trap>>,
}

impl Traffic {
    /// Cuts `line` at the next such request with an answer that is a success, and refuses so many connections after it.
    pub(crate) fn set(&self, line: &Line, at: At, when: When, refuse: usize) {
        *self.trap.lock().unwrap() = Some(Trap { line: line.clone(), at, when, refuse });
    }

    pub(crate) fn is_sprung(&self) -> bool {
        self.trap.lock().unwrap().is_none()
    }

    /// Forgets what came before.
    pub(crate) fn clear(&self) {
        self.seen.lock().unwrap().clear();
    }

    /// Paths of the requests of this kind, with their statuses.
    pub(crate) fn seen(&self, at: At) -> Vec<(String, StatusCode)> {
        let seen = self.seen.lock().unwrap();
        let of = seen.iter().filter(|(method, path, _)| at.is(method, path));
        of.map(|(_, path, status)| (path.clone(), *status)).collect()
    }

    /// Cuts the line if the trap is for this request at this moment; whether it did.
    fn spring(&self, method: &Method, path: &str, now: When) -> bool {
        let mut trap = self.trap.lock().unwrap();
        let sprung = trap.take_if(|trap| trap.when == now && trap.at.is(method, path));
        if let Some(Trap { line, refuse, .. }) = &sprung {
            line.cut(*refuse);
        }
        sprung.is_some()
    }
}

pub(crate) async fn watch(State(traffic): State<Arc<Traffic>>, request: Request, next: Next) -> Response {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    if traffic.spring(&method, &path, When::Before) {
        // Nobody is there to read it.
        return StatusCode::BAD_GATEWAY.into_response();
    }
    let response = next.run(request).await;
    let status = response.status();
    traffic.seen.lock().unwrap().push((method.clone(), path.clone(), status));
    // A claim that found nothing is no claim.
    if status.is_success() && (status != StatusCode::NO_CONTENT || !path.ends_with("/claim")) {
        traffic.spring(&method, &path, When::After);
    }
    response
}
