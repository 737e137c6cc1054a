//! The pages: dashboard, blog, experiment, compare, efficacy, lineage, clips, codecs, method, journal; feed, sitemap,
//! assets.
//!
//! Decisions: rendered here, whole, with `maud`; a page is a pure function of its address, the catalog's revision and a
//! slow clock, so that a rendered page is kept until one of them changes and an unchanged page costs one indexed read;
//! everything works without JavaScript, and one small script adds refreshing, a player and a copy button; text that came
//! from outside is cleaned of what could act or turn the line, bounded, and escaped; no figure is shown that nobody measured.

mod address;
mod assets;
mod components;
mod error;
mod feed;
mod layout;
mod live;
mod pages;
mod render;
mod routes;
mod text;

pub use routes::router;
