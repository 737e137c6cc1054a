//! What every page shares: head, masthead, foot.

use crate::assets;
use maud::{DOCTYPE, Markup, html};
use std::sync::Arc;

/// What this installation is called and where it is reached.
pub(crate) type Site = Arc<aiv1_web::Site>;

/// What stands in a page's head.
#[derive(Clone, Debug, Default)]
pub(crate) struct Head<'a> {
    /// The title.
    pub(crate) title: &'a str,
    /// One sentence for search engines and cards.
    pub(crate) description: &'a str,
    /// Its canonical address; a page without one is not to be indexed.
    pub(crate) path: Option<&'a str>,
    /// Which entry of the navigation it belongs to.
    pub(crate) section: Option<Section>,
    /// Asked for again after so many seconds, where there is no JavaScript.
    pub(crate) refresh_without_script: Option<u32>,
}

/// An entry of the navigation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Section {
    /// `/`
    Dashboard,
    /// `/blog`
    Blog,
    /// `/compare`
    Compare,
    /// `/efficacy`
    Efficacy,
    /// `/lineage`
    Lineage,
    /// `/codecs`
    Codecs,
    /// `/clips`
    Clips,
    /// `/method`
    Method,
}

const NAVIGATION: [(Section, &str, &str); 8] = [
    (Section::Dashboard, "/", "Dashboard"),
    (Section::Blog, "/blog", "Notebook"),
    (Section::Compare, "/compare", "Compare"),
    (Section::Efficacy, "/efficacy", "Efficacy"),
    (Section::Lineage, "/lineage", "Lineage"),
    (Section::Codecs, "/codecs", "Codecs"),
    (Section::Clips, "/clips", "Clips"),
    (Section::Method, "/method", "Method"),
];

/// A whole page.
pub(crate) fn page(site: &aiv1_web::Site, head: &Head<'_>, body: &Markup) -> Markup {
    let title = if head.title == "AiV1" {
        "AiV1 · an open laboratory for video codecs".to_owned()
    } else {
        format!("{} · AiV1", head.title)
    };
    let url = |path: &str| format!("{}{path}", site.public_url);
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) }
                meta name="description" content=(head.description);
                @if let Some(path) = head.path {
                    link rel="canonical" href=(url(path));
                    meta property="og:url" content=(url(path));
                } @else {
                    meta name="robots" content="noindex";
                }
                meta property="og:type" content=(if head.path.is_some_and(|path| path.starts_with("/blog/")) { "article" } else { "website" });
                meta property="og:site_name" content="AiV1";
                meta property="og:title" content=(head.title);
                meta property="og:description" content=(head.description);
                meta property="og:image" content=(url("/assets/card.png"));
                meta property="og:image:width" content="1200";
                meta property="og:image:height" content="630";
                meta property="og:image:alt" content="AiV1: an open laboratory for video codecs that runs by itself";
                meta name="twitter:card" content="summary_large_image";
                meta name="color-scheme" content="light dark";
                meta name="theme-color" content="#fbf9f3" media="(prefers-color-scheme: light)";
                meta name="theme-color" content="#151a18" media="(prefers-color-scheme: dark)";
                link rel="icon" type="image/svg+xml" href="/assets/favicon.svg";
                link rel="alternate" type="application/atom+xml" title="AiV1: experiments" href="/feed.xml";
                link rel="stylesheet" href=(assets::href("site.css"));
                script defer src=(assets::href("site.js")) {}
                @if let Some(seconds) = head.refresh_without_script {
                    noscript { meta http-equiv="refresh" content=(seconds); }
                }
            }
            body {
                a.skip href="#main" { "Skip to the content" }
                header.masthead {
                    div.inner {
                        a.brand href="/" aria-label="AiV1, to the dashboard" {
                            (wave()) span { "Ai" b { "V1" } }
                        }
                        nav aria-label="Site" {
                            ul {
                                @for (section, path, name) in NAVIGATION {
                                    li { a href=(path) aria-current=[(head.section == Some(section)).then_some("page")] { (name) } }
                                }
                            }
                        }
                    }
                }
                main #main tabindex="-1" { (body) }
                footer {
                    div.inner {
                        p { "Every figure here is measured or absent, and can be derived again: " a href="/method" { "how" } "." }
                        p {
                            "AiV1 " (site.version) " · " a href="/journal" { "Journal" } " · " a href="/feed.xml" { "Atom feed" } " · "
                            a href="/api/openapi.json" { "REST API" }
                        }
                    }
                }
            }
        }
    }
}

/// The mark: a step response, as a scope shows it.
fn wave() -> Markup {
    html! {
        svg viewBox="0 0 32 20" width="32" height="20" aria-hidden="true" focusable="false" {
            path d="M1 15h6V5h6v10h5c2-12 4-12 5-6s3 5 8 1" fill="none" stroke="currentColor" stroke-width="2.2" stroke-linejoin="round" stroke-linecap="round" {}
        }
    }
}
