//! A real browser, driven over its own protocol: pages, clicks, what the console said, what axe finds.

use chromiumoxide::cdp::browser_protocol::emulation::{MediaFeature, SetDeviceMetricsOverrideParams};
use chromiumoxide::cdp::browser_protocol::log::EventEntryAdded;
use chromiumoxide::cdp::js_protocol::runtime::{EventConsoleApiCalled, EventExceptionThrown};
use chromiumoxide::{Browser, BrowserConfig, Page};
use futures_util::StreamExt as _;
use serde_json::Value;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;

/// How long a page may take to show what a test waits for.
const PATIENCE: Duration = Duration::from_mins(2);

/// A headless Chromium.
#[derive(Debug)]
pub struct Chromium {
    browser: Browser,
    events: JoinHandle<()>,
}

impl Chromium {
    /// Starts one with a profile of its own.
    pub async fn start(profile: &Path) -> Self {
        let config = BrowserConfig::builder()
            .chrome_executable("/usr/bin/chromium")
            .no_sandbox()
            .user_data_dir(profile)
            .args(["--disable-gpu", "--disable-quic", "--disable-sync", "--disable-background-networking"])
            .args([
                "--disable-component-update",
                "--autoplay-policy=no-user-gesture-required",
                "--mute-audio",
            ])
            .build()
            .unwrap();
        let (browser, mut handler) = Browser::launch(config).await.unwrap();
        let events = tokio::spawn(async move { while handler.next().await.is_some() {} });
        Self { browser, events }
    }

    /// Opens an address in a tab of its own, of the given size in CSS pixels.
    pub async fn open(&self, url: &str, (width, height): (u32, u32), dark: bool) -> Tab {
        let page = self.browser.new_page("about:blank").await.unwrap();
        page.enable_log().await.unwrap();
        let complaints = Arc::new(Mutex::new(Vec::new()));
        listen(&page, &complaints).await;
        let size = SetDeviceMetricsOverrideParams::builder()
            .width(i64::from(width))
            .height(i64::from(height))
            .device_scale_factor(1.0)
            .mobile(width < 600)
            .build()
            .unwrap();
        page.execute(size).await.unwrap();
        let scheme = if dark { "dark" } else { "light" };
        page.emulate_media_features(vec![MediaFeature::new("prefers-color-scheme", scheme)]).await.unwrap();
        page.goto(url).await.unwrap();
        Tab { page, complaints }
    }

    /// Closes it.
    pub async fn stop(mut self) {
        // A browser that is gone already needs no closing.
        let _ = self.browser.close().await;
        let _ = self.browser.wait().await;
        self.events.abort();
    }
}

/// A tab, and what its console complained of.
#[derive(Debug)]
pub struct Tab {
    page: Page,
    complaints: Arc<Mutex<Vec<String>>>,
}

impl Tab {
    /// The value of an expression on the page.
    pub async fn value(&self, expression: &str) -> Value {
        let result =
            self.page.evaluate(expression).await.unwrap_or_else(|error| panic!("{expression}: {error}"));
        result.value().cloned().unwrap_or(Value::Null)
    }

    /// Waits until an expression is true on the page.
    pub async fn until(&self, expression: &str) {
        let begun = Instant::now();
        let mut every = tokio::time::interval(Duration::from_millis(100));
        loop {
            every.tick().await;
            // A page that is being replaced cannot be asked for a moment.
            let truth = self.page.evaluate(expression).await.ok();
            if truth.and_then(|truth| truth.value().and_then(Value::as_bool)).unwrap_or(false) {
                return;
            }
            if begun.elapsed() > PATIENCE {
                let shown = self.value("document.body.innerText").await;
                panic!("never true: {expression}\nthe page shows:\n{}", shown.as_str().unwrap_or_default());
            }
        }
    }

    /// Clicks what a selector finds.
    pub async fn click(&self, selector: &str) {
        let element = self.page.find_element(selector).await;
        let element = element.unwrap_or_else(|error| panic!("{selector}: {error}"));
        element.click().await.unwrap();
    }

    /// Goes to another address.
    pub async fn go(&self, url: &str) {
        self.page.goto(url).await.unwrap();
    }

    /// Errors of the console, exceptions and failed requests so far.
    #[must_use]
    pub fn complaints(&self) -> Vec<String> {
        self.complaints.lock().unwrap().clone()
    }

    /// What axe finds wrong with the page, a line for each violation.
    pub async fn axe(&self, source: &str) -> Vec<String> {
        self.page.evaluate(format!("{source}; true")).await.unwrap();
        let run = "axe.run(document, {resultTypes: ['violations']}).then(found => found.violations.map(one => \
                   one.id + ': ' + one.help + ' at ' + one.nodes.map(node => node.target.join(' ')).join(', ')))";
        let found = self.value(run).await;
        found.as_array().unwrap().iter().map(|one| one.as_str().unwrap().to_owned()).collect()
    }
}

async fn listen(page: &Page, complaints: &Arc<Mutex<Vec<String>>>) {
    let mut entries = page.event_listener::<EventEntryAdded>().await.unwrap();
    let mut exceptions = page.event_listener::<EventExceptionThrown>().await.unwrap();
    let mut calls = page.event_listener::<EventConsoleApiCalled>().await.unwrap();
    let complaints = Arc::clone(complaints);
    tokio::spawn(async move {
        loop {
            let complaint = tokio::select! {
                Some(entry) = entries.next() => {
                    let level = entry.entry.level.as_ref().to_owned();
                    (level == "error" || level == "warning").then(|| format!("{level}: {}", entry.entry.text))
                }
                Some(exception) = exceptions.next() => Some(format!("exception: {}", exception.exception_details.text)),
                Some(call) = calls.next() => {
                    let kind = call.r#type.as_ref().to_owned();
                    (kind == "error" || kind == "warning").then(|| format!("console.{kind}"))
                }
                else => break,
            };
            complaints.lock().unwrap().extend(complaint);
        }
    });
}
