//! HTML and SVG, written so that tags are this code's and text is escaped.
//!
//! Names of elements and attributes are `&'static str`; what comes from outside has
//! only [`Attrs::with`] and [`Inline::text`], which escape it.

use std::fmt::{Display, Write};

use super::escape::Escaped;

/// Attributes of an element, already escaped.
#[derive(Debug, Clone, Default)]
pub(super) struct Attrs(String);

/// No attributes yet.
pub(super) fn plain() -> Attrs {
    Attrs::default()
}

/// Of this class.
pub(super) fn class(names: impl Display) -> Attrs {
    plain().with("class", names)
}

impl Attrs {
    pub(super) fn with(mut self, name: &'static str, value: impl Display) -> Self {
        // Writing to a String does not fail.
        let _ = write!(self.0, " {name}=\"{}\"", Escaped(value));
        self
    }
}

/// A document, an element a line.
#[derive(Debug, Default)]
pub(super) struct Markup {
    out: String,
    depth: usize,
}

impl Markup {
    /// An element with others in it.
    pub(super) fn tag(
        &mut self,
        name: &'static str,
        attrs: Attrs,
        content: impl FnOnce(&mut Self),
    ) {
        self.indent();
        let _ = writeln!(self.out, "<{name}{}>", attrs.0);
        self.depth += 1;
        content(self);
        self.depth -= 1;
        self.indent();
        let _ = writeln!(self.out, "</{name}>");
    }

    /// An element with text in it, on one line.
    pub(super) fn line(
        &mut self,
        name: &'static str,
        attrs: Attrs,
        content: impl FnOnce(&mut Inline),
    ) {
        let mut inline = Inline::default();
        inline.tag(name, attrs, content);
        self.indent();
        let _ = writeln!(self.out, "{}", inline.0);
    }

    /// An element with this text.
    pub(super) fn text(&mut self, name: &'static str, attrs: Attrs, text: impl Display) {
        self.line(name, attrs, |inline| inline.text(text));
    }

    /// An element of SVG with nothing in it.
    pub(super) fn shape(&mut self, name: &'static str, attrs: Attrs) {
        self.indent();
        let _ = writeln!(self.out, "<{name}{}/>", attrs.0);
    }

    /// What this code wrote itself, as it is.
    pub(super) fn raw(&mut self, text: &'static str) {
        self.out.push_str(text);
    }

    pub(super) fn finish(self) -> String {
        self.out
    }

    fn indent(&mut self) {
        // One space: a page has thousands of lines.
        let depth = self.depth.min(8);
        self.out.extend(std::iter::repeat_n(' ', depth));
    }
}

/// Text with elements in it.
#[derive(Debug, Default)]
pub(super) struct Inline(String);

impl Inline {
    pub(super) fn text(&mut self, text: impl Display) {
        let _ = write!(self.0, "{}", Escaped(text));
    }

    pub(super) fn tag(
        &mut self,
        name: &'static str,
        attrs: Attrs,
        content: impl FnOnce(&mut Self),
    ) {
        let _ = write!(self.0, "<{name}{}>", attrs.0);
        content(self);
        let _ = write!(self.0, "</{name}>");
    }

    pub(super) fn span(&mut self, name: &'static str, attrs: Attrs, text: impl Display) {
        self.tag(name, attrs, |inline| inline.text(text));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_attributes_are_escaped() {
        let mut markup = Markup::default();
        markup.tag("g", class("a\"b"), |markup| {
            markup.line("text", plain().with("x", 5), |inline| {
                inline.text("1 < 2 ");
                inline.span("tspan", plain(), "&");
            });
            markup.shape("line", plain().with("x1", "5%"));
        });
        assert_eq!(
            markup.finish(),
            "<g class=\"a&quot;b\">\n <text x=\"5\">1 &lt; 2 <tspan>&amp;</tspan></text>\n \
             <line x1=\"5%\"/>\n</g>\n"
        );
    }
}
