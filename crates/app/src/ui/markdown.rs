//! Notes in Markdown as HTML that holds nothing but what Markdown means: HTML in it is shown as text, links lead to the
//! web only, and pictures become links.

use pulldown_cmark::{CowStr, Event, HeadingLevel, LinkType, Options, Parser, Tag, TagEnd, html};

/// A text that may stand in a page as it is.
pub(super) struct Rendered(pub(super) String);

/// Renders a note.
pub(super) fn render(text: &str) -> Rendered {
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS;
    let mut kept_links = Vec::new();
    let events = Parser::new_ext(text, options).filter_map(|event| harmless(event, &mut kept_links));
    let mut page = String::with_capacity(text.len() * 2);
    html::push_html(&mut page, events);
    Rendered(page)
}

/// What an event may become in a page of ours.
fn harmless<'a>(event: Event<'a>, kept_links: &mut Vec<bool>) -> Option<Event<'a>> {
    match event {
        Event::Html(text) | Event::InlineHtml(text) => Some(Event::Text(text)),
        Event::Start(Tag::HtmlBlock) => Some(Event::Start(Tag::Paragraph)),
        Event::End(TagEnd::HtmlBlock) => Some(Event::End(TagEnd::Paragraph)),
        Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
            let kept = leads_to_the_web(&dest_url);
            kept_links.push(kept);
            let none = CowStr::Borrowed("");
            let link = Tag::Link { link_type: LinkType::Inline, dest_url, title: none.clone(), id: none };
            kept.then_some(Event::Start(link))
        }
        Event::End(TagEnd::Link | TagEnd::Image) => {
            kept_links.pop().unwrap_or(false).then_some(Event::End(TagEnd::Link))
        }
        // The page has headings of its own above.
        Event::Start(Tag::Heading { level, .. }) => {
            Some(Event::Start(Tag::Heading { level: lower(level), id: None, classes: Vec::new(), attrs: Vec::new() }))
        }
        Event::End(TagEnd::Heading(level)) => Some(Event::End(TagEnd::Heading(lower(level)))),
        other => Some(other),
    }
}

fn leads_to_the_web(url: &str) -> bool {
    let scheme = url.split_once("://").map_or("", |(scheme, _)| scheme);
    scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https")
}

fn lower(level: HeadingLevel) -> HeadingLevel {
    match level {
        HeadingLevel::H1 => HeadingLevel::H3,
        HeadingLevel::H2 => HeadingLevel::H4,
        HeadingLevel::H3 => HeadingLevel::H5,
        HeadingLevel::H4 | HeadingLevel::H5 | HeadingLevel::H6 => HeadingLevel::H6,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markdown_is_rendered() {
        let text = "# Head\n\nSome *words* and `code`, [a link](https://example.org/a?b=1&c=2).\n\n| a | b |\n|---|--:|\n| 1 | 2 |\n";
        let page = render(text).0;
        for part in [
            "<h3>Head</h3>",
            "<em>words</em>",
            "<code>code</code>",
            "<a href=\"https://example.org/a?b=1&amp;c=2\">a link</a>",
            "<td>1</td>",
        ] {
            assert!(page.contains(part), "{part} is not in {page}");
        }
    }

    #[test]
    fn html_is_shown_as_text() {
        for text in [
            "<script>alert(1)</script>",
            "before <img src=x onerror=alert(1)> after",
            "<div onclick='x'>\n\n**bold**\n\n</div>",
            "<!-- <script>alert(1)</script> -->",
            "`<script>`\n\n    <script>\n",
            "[<b onclick=x>](https://example.org)",
            "![<script>](https://example.org/x.png)",
        ] {
            let page = render(text).0;
            for tag in ["<script", "<img", "<div", "<b ", "<!--"] {
                assert!(!page.contains(tag), "{text} became {page}");
            }
            assert!(page.contains("&lt;"), "{text} became {page}");
        }
    }

    #[test]
    fn links_lead_to_the_web_only() {
        for (text, kept) in [
            ("[x](javascript:alert(1))", false),
            ("[x](JaVaScRiPt://example.org/%0aalert(1))", false),
            ("[x](data:text/html,<script>)", false),
            ("[x](/runs/1)", false),
            ("[x](//example.org)", false),
            ("<mail@example.org>", false),
            ("![x](javascript:alert(1))", false),
            ("[x](HTTPS://example.org)", true),
            ("<http://example.org>", true),
            ("![x](https://example.org/x.png)", true),
            ("[x]\n\n[x]: https://example.org \"on\\\" onclick='x'\"", true),
        ] {
            let page = render(text).0;
            assert_eq!(page.contains("href="), kept, "{text} became {page}");
            assert!(!page.contains("onclick") && !page.contains("<img"), "{text} became {page}");
        }
    }
}
