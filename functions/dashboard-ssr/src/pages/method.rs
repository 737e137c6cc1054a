//! `/method`: how figures are made, for whoever wants to trust or repeat them.

use crate::error::PageError;
use crate::layout::{self, Head, Section};
use crate::pages::held_out;
use crate::render::{HTML, Pages};
use aiv1_model::CANARIES;
use aiv1_store::LoopState;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use maud::{Markup, html};

/// `GET /method`
pub(crate) async fn page(State(pages): State<Pages>, headers: HeaderMap) -> Result<Response, PageError> {
    pages.answer(&headers, "/method", HTML, async |_| render(&pages).await).await
}

async fn render(pages: &Pages) -> Result<Markup, PageError> {
    let state = pages.services.catalog.loop_state().await?;
    let site = &pages.services.site;
    let head = Head {
        title: "Method",
        description: "How the laboratory measures rate and quality, when it refuses to state a saving, and how anyone can \
            derive every figure again.",
        path: Some("/method"),
        section: Some(Section::Method),
        ..Head::default()
    };
    let body = html! {
        article.narrow.prose {
            h1 { "Method" }
            p.lead { "Measured or absent; at equal quality or not at all; and repeatable by one command." }
            (rules())
            (measures())
            (certificate())
            (held_out_clips(&state))
            (limits())
            (cascade())
            (canaries())
            section #verify aria-labelledby="verify-heading" {
                h2 #verify-heading { "Check it yourself" }
                p { "Each experiment keeps its streams, its decoder, its source and a record with every figure. This decodes the streams in a sandbox, measures the frames, compares again, and names whatever differs:" }
                pre tabindex="0" { code { "aiv1 verify " (site.public_url) "/blog/exp_…" } }
                p { "Streams, decoders and records are kept for ever. Videos on these pages are previews in H.264, rebuilt from the stored stream when somebody asks; they are not what was measured." }
            }
        }
    };
    Ok(layout::page(site, &head, &body))
}

fn rules() -> Markup {
    html! {
        section #rules aria-labelledby="rules-heading" {
            h2 #rules-heading { "Rules" }
            ol {
                li { b { "Measured or absent." } " What nobody measured is shown as —. Never 0, never a default." }
                li { b { "What is scored is what was stored." } " Quality is computed from frames decoded out of the stored bytes, by a fresh decoder that sees nothing but those bytes." }
                li { b { "Deterministic or rejected." } " The same module and the same bytes give the same frames on every machine." }
                li { b { "Every failure says whose it is:" } " the codec’s, the infrastructure’s or the lab’s. Only the infrastructure’s are tried again." }
                li { b { "The decoder is part of the price." } " Its compressed size stands beside the rate, so that it cannot carry the video." }
            }
        }
    }
}

fn measures() -> Markup {
    html! {
        section #measures aria-labelledby="measures-heading" {
            h2 #measures-heading { "What is measured" }
            dl.terms {
                dt { "Rate" } dd { "Bytes of the whole stored stream × 8 over the source’s duration; header, index and frame hashes included. For an anchor, its elementary stream without a container." }
                dt { "PSNR" } dd { "For each plane from the squared error summed over all frames, kept as integers so that anyone can recompute it. PSNR-YUV is (4·Y + U + V) / 6. Frames without error have no finite PSNR and read “lossless”." }
                dt { "SSIM" } dd { "Of luma, as ffmpeg’s filter computes it; the mean over frames." }
                dt { "Worst frame" } dd { "The least luma PSNR and SSIM of any single frame, with its index: a mean hides the worst." }
                dt { "Fuel" } dd { "WebAssembly instructions, roughly, a luma pixel. The same on every machine, unlike time, which is given with the machine it was taken on." }
                dt { "Anchor" } dd { "A real encoder at a named preset, run here on the same clip and measured by the same code. Its command line, stream and hash are kept." }
            }
            p { "To confirm PSNR and SSIM with ffmpeg, decode a stream to raw frames and compare with the source’s:" }
            pre tabindex="0" { code { "ffmpeg -f rawvideo -pix_fmt yuv420p -video_size WxH -i decoded.yuv \\\n       -f rawvideo -pix_fmt yuv420p -video_size WxH -i source.yuv -lavfi psnr -f null -" } }
        }
    }
}

fn certificate() -> Markup {
    html! {
        section #saving aria-labelledby="saving-heading" {
            h2 #saving-heading { "A saving at equal quality" }
            p { "A bitrate alone says nothing: any codec can send less and look worse. So curves of rate over quality are compared where both cover the same quality (Bjøntegaard’s method, by piecewise cubics). −12 % means: at the same quality, on average, 12 % fewer bits. The headline is the least favourable of the savings over all clips, at equal PSNR of luma and of luma with chroma, one each for every anchor; the experiment’s page names the anchors against which none can be stated." }
            h3 #certificate { "Its certificate" }
            p { "Each figure carries what it rests on, and is refused, with the reason, where that does not hold:" }
            ul {
                li { b { "Points:" } " at least four on each curve." }
                li { b { "Rising:" } " quality rises with rate throughout." }
                li { b { "Overlap:" } " the curves share at least half of the shorter one’s range of quality; nothing is extrapolated." }
                li { b { "Gap:" } " two interpolations, PCHIP and Akima, differ by two percentage points at most." }
                li { b { "All clips:" } " refused on one clip, there is no figure for the set: a mean over the rest would flatter." }
            }
        }
    }
}

fn held_out_clips(state: &LoopState) -> Markup {
    html! {
        section #held-out aria-labelledby="held-out-heading" {
            h2 #held-out-heading { "Clips that are held out" }
            p { "A search that looks at the same clips a thousand times fits itself to them. So some are kept from every designer, and a champion is measured on them once its modules’ hashes are fixed. The generalisation gap is its BD-rate there less its headline, against the same anchor: above zero it saves less on what it was not made for." }
            (held_out::looks(state))
        }
    }
}

fn limits() -> Markup {
    html! {
        section #limits aria-labelledby="limits-heading" {
            h2 #limits-heading { "What these figures do not say" }
            ul {
                li { "PSNR is error energy: it ignores where the eye looks. SSIM here is blind to chroma, flicker and motion." }
                li { "Between different clips a figure means nothing; savings describe the clips they were measured on and no others." }
                li { "Footage that was lossy before rewards whoever reproduces the earlier codec’s artefacts." }
                li { "None of it replaces viewers." }
            }
        }
    }
}

fn cascade() -> Markup {
    html! {
        section #cascade aria-labelledby="cascade-heading" {
            h2 #cascade-heading { "What a candidate must pass" }
            p { "Cheapest first, so that a codec that cannot work costs seconds:" }
            ol {
                li { b { "Source:" } " parsed and policed; nothing may reach outside while it is compiled." }
                li { b { "Modules:" } " compiled, checked, and unlike what was measured before." }
                li { b { "Contract:" } " a few synthetic frames with odd sides, encoded and decoded twice: the right size, and the same." }
                li { b { "Trial:" } " the first 8 frames of the first clip." }
                li { b { "First clip:" } " whole. A language model’s candidate ends here if it is far behind the champion." }
                li { b { "The set:" } " every other clip." }
            }
        }
    }
}

fn canaries() -> Markup {
    html! {
        section #canaries aria-labelledby="canaries-heading" {
            h2 #canaries-heading { "Canaries" }
            p { "These cheats and breakages are thrown at the evaluator whenever its code changes. Each must be caught, by the part and with the reason given here; one that came through would stop the release." }
            table.ledger {
                caption { (CANARIES.len()) " canaries, and what catches each" }
                thead { tr { th scope="col" { "Canary" } th scope="col" { "It attempts" } th scope="col" { "Caught by" } th scope="col" { "As" } } }
                tbody {
                    @for canary in &CANARIES {
                        tr {
                            th scope="row" { (canary.name.replace('_', " ")) }
                            td { (canary.attempts) }
                            td data-label="Caught by" { (canary.caught_by.as_str()) }
                            td data-label="As" { code { (canary.expected) } }
                        }
                    }
                }
            }
        }
    }
}
