//! Brain: the XML of a stranger as a tree of elements.
//!
//! Names lose their prefixes: cameras bind them as they like, and no two elements that we read differ by namespace alone.
//! No document type is read, so no entity is expanded but XML's own five. What is too deep or too much is refused, what
//! is damaged too; nothing panics. What does not belong here: what elements mean.

use std::borrow::Cow;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

/// A real answer has about 10 levels.
const DEEPEST: usize = 40;
/// A recorder with 64 channels describes each profile in about 100 elements.
const MOST: usize = 100_000;

/// An element.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Element {
    /// Without its prefix.
    pub name: String,
    /// Names without their prefixes, and values.
    pub attributes: Vec<(String, String)>,
    /// Its own text, without what is white at both ends.
    pub text: String,
    /// In their order.
    pub children: Vec<Element>,
}

/// The bytes are no XML that we take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no XML that can be read")]
pub struct NotXml;

impl Element {
    /// The root of a document.
    pub fn read(bytes: &[u8]) -> Result<Self, NotXml> {
        // Cameras that say another encoding write ASCII nevertheless; names of presets may suffer, nothing else.
        let text = String::from_utf8_lossy(bytes);
        let mut reader = Reader::from_str(text.trim_start_matches('\u{feff}').trim_start());
        let mut open: Vec<Self> = Vec::new();
        let mut count = 0;
        loop {
            let event = reader.read_event().map_err(|_| NotXml)?;
            let closed = match event {
                Event::Start(start) => {
                    count += 1;
                    if open.len() >= DEEPEST || count > MOST {
                        return Err(NotXml);
                    }
                    open.push(Self::begin(&start));
                    continue;
                }
                Event::Empty(start) => {
                    count += 1;
                    if count > MOST {
                        return Err(NotXml);
                    }
                    Self::begin(&start)
                }
                Event::End(_) => open.pop().ok_or(NotXml)?,
                Event::Text(text) => {
                    if let Some(element) = open.last_mut() {
                        element.text.push_str(&text.xml10_content());
                    }
                    continue;
                }
                Event::CData(text) => {
                    if let Some(element) = open.last_mut() {
                        element.text.push_str(&text.xml10_content());
                    }
                    continue;
                }
                Event::GeneralRef(entity) => {
                    let letter = match entity.resolve_char_ref() {
                        Ok(Some(letter)) => Some(letter),
                        Ok(None) => known_entity(&entity.xml10_content()),
                        Err(_) => None,
                    };
                    if let Some(element) = open.last_mut() {
                        element.text.push(letter.unwrap_or('\u{fffd}'));
                    }
                    continue;
                }
                Event::Eof => return Err(NotXml),
                Event::Decl(_) | Event::PI(_) | Event::DocType(_) | Event::Comment(_) => continue,
            };
            let closed = Self { text: closed.text.trim().to_owned(), ..closed };
            match open.last_mut() {
                Some(parent) => parent.children.push(closed),
                None => return Ok(closed),
            }
        }
    }

    fn begin(start: &BytesStart<'_>) -> Self {
        // One that is damaged is as one that is not there.
        let attributes = start.attributes().flatten().map(|attribute| {
            let value = quick_xml::escape::unescape(&attribute.value);
            let value = value.map_or_else(|_| attribute.value.to_string(), Cow::into_owned);
            (local(attribute.key.as_ref()), value)
        });
        let attributes = attributes.collect();
        Self { name: local(start.name().as_ref()), attributes, ..Self::default() }
    }

    /// The first child of that name.
    pub fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    /// All children of that name.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Self> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// Down by the first child of each name.
    pub fn at(&self, path: &[&str]) -> Option<&Self> {
        path.iter().try_fold(self, |element, name| element.child(name))
    }

    /// The text down there, if it is not empty.
    pub fn text_at(&self, path: &[&str]) -> Option<&str> {
        self.at(path).map(|element| element.text.as_str()).filter(|text| !text.is_empty())
    }

    /// The value of that attribute.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// What stands behind the prefix.
fn local(name: &str) -> String {
    name.rsplit(':').next().unwrap_or_default().to_owned()
}

fn known_entity(name: &str) -> Option<char> {
    match name {
        "lt" => Some('<'),
        "gt" => Some('>'),
        "amp" => Some('&'),
        "apos" => Some('\''),
        "quot" => Some('"'),
        _ => None,
    }
}

/// As text of an element, or value of an attribute in double quotes. What XML forbids altogether is left out.
pub fn escape(text: &str) -> String {
    let is_allowed = |c: &char| !c.is_control() || matches!(c, '\t' | '\n' | '\r');
    let allowed: String = text.chars().filter(is_allowed).collect();
    quick_xml::escape::escape(allowed.as_str()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_white_space_and_entities_are_gone() {
        let root = Element::read(
            b"\xef\xbb\xbf<?xml version=\"1.0\"?><!-- x --><s:a xmlns:s=\"u\" s:t='1 &amp; 2'>\n <b>\n G&#228;rten &lt;1&gt; </b><b/><![CDATA[<c>]]></s:a>",
        )
        .unwrap();
        assert_eq!(root.name, "a");
        assert_eq!(root.attribute("t"), Some("1 & 2"));
        assert_eq!(root.text_at(&["b"]), Some("Gärten <1>"));
        assert_eq!((root.all("b").count(), root.text.as_str()), (2, "<c>"));
        assert_eq!(root.text_at(&["c"]), None);
    }

    #[test]
    fn what_is_too_much_is_refused() {
        let bomb = b"<!DOCTYPE l [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]><l>&b;</l>";
        if let Ok(root) = Element::read(bomb) {
            assert!(root.text.chars().count() <= 1, "no entity is expanded: {root:?}");
        }
        assert_eq!(Element::read("<a>".repeat(DEEPEST + 1).as_bytes()), Err(NotXml));
        let wide = format!("<a>{}</a>", "<b/>".repeat(MOST + 1));
        assert_eq!(Element::read(wide.as_bytes()), Err(NotXml));
        for text in ["", "  ", "<a>", "<a></b>", "</a>", "a", "<html><p></html>", "{}"] {
            assert_eq!(Element::read(text.as_bytes()), Err(NotXml), "{text}");
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        let name = "a<b>&\"c'\u{0}ä";
        let text = format!("<x y=\"{0}\">{0}</x>", escape(name));
        let root = Element::read(text.as_bytes()).unwrap();
        assert_eq!((root.attribute("y"), root.text.as_str()), (Some("a<b>&\"c'ä"), "a<b>&\"c'ä"));
    }
}
