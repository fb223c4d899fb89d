//! Paragraphs → a Word document: the smallest package of Office Open XML that word processors open without repair.
//! <https://ecma-international.org/publications-and-standards/standards/ecma-376/>

use std::io::{Cursor, Write};

use quick_xml::escape::escape;
use zip::write::{SimpleFileOptions, ZipWriter};
use zip::{CompressionMethod, DateTime};

use super::paragraphs::Paragraph;

const CONTENT_TYPES: &str = r#"<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/><Override PartName="/word/document.xml" ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/><Override PartName="/word/styles.xml" ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.styles+xml"/><Override PartName="/docProps/core.xml" ContentType="application/vnd.openxmlformats-package.core-properties+xml"/></Types>"#;

const PACKAGE: &str = r#"<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="word/document.xml"/><Relationship Id="rId2" Type="http://schemas.openxmlformats.org/package/2006/relationships/metadata/core-properties" Target="docProps/core.xml"/></Relationships>"#;

const DOCUMENT_PARTS: &str = r#"<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/styles" Target="styles.xml"/></Relationships>"#;

/// The look of the text, of the title, and of the time before a paragraph.
const STYLES: &str = r#"<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<w:styles xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:docDefaults><w:pPrDefault><w:pPr><w:spacing w:after="160" w:line="276" w:lineRule="auto"/></w:pPr></w:pPrDefault></w:docDefaults><w:style w:type="paragraph" w:default="1" w:styleId="Normal"><w:name w:val="Normal"/></w:style><w:style w:type="paragraph" w:styleId="Title"><w:name w:val="Title"/><w:basedOn w:val="Normal"/><w:next w:val="Normal"/><w:rPr><w:sz w:val="40"/></w:rPr></w:style><w:style w:type="character" w:styleId="Time"><w:name w:val="Time"/><w:rPr><w:color w:val="767676"/></w:rPr></w:style><w:style w:type="character" w:styleId="Strong"><w:name w:val="Strong"/><w:rPr><w:b/></w:rPr></w:style></w:styles>"#;

/// The file.
///
/// # Errors
/// When the archive cannot be made: it is larger than 4 GiB.
pub(super) fn document(title: &str, paragraphs: &[Paragraph]) -> zip::result::ZipResult<Vec<u8>> {
    let mut body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n<w:document \
         xmlns:w=\"http://schemas.openxmlformats.org/wordprocessingml/2006/main\"><w:body><w:p><w:pPr><w:pStyle \
         w:val=\"Title\"/></w:pPr>{}</w:p>",
        run(None, title)
    );
    for paragraph in paragraphs {
        let (time, speaker) = paragraph.mark();
        body.push_str("<w:p>");
        body.push_str(&run(Some("Time"), &format!("{time} ")));
        if let Some(speaker) = speaker {
            body.push_str(&run(Some("Strong"), &format!("{speaker} ")));
        }
        body.push_str(&run(None, &paragraph.text));
        body.push_str("</w:p>");
    }
    body.push_str("<w:sectPr/></w:body></w:document>");
    let core = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n<cp:coreProperties \
         xmlns:cp=\"http://schemas.openxmlformats.org/package/2006/metadata/core-properties\" \
         xmlns:dc=\"http://purl.org/dc/elements/1.1/\"><dc:title>{}</dc:title></cp:coreProperties>",
        text(title)
    );
    let parts = [
        ("[Content_Types].xml", CONTENT_TYPES),
        ("_rels/.rels", PACKAGE),
        ("word/document.xml", &body),
        ("word/_rels/document.xml.rels", DOCUMENT_PARTS),
        ("word/styles.xml", STYLES),
        ("docProps/core.xml", &core),
    ];
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    // The same transcript gives the same file, whenever it is written.
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .last_modified_time(DateTime::default());
    for (name, content) in parts {
        archive.start_file(name, options)?;
        archive.write_all(content.as_bytes())?;
    }
    Ok(archive.finish()?.into_inner())
}

/// Text with a style of its own.
fn run(style: Option<&str>, content: &str) -> String {
    let style =
        style.map(|style| format!("<w:rPr><w:rStyle w:val=\"{style}\"/></w:rPr>")).unwrap_or_default();
    format!("<w:r>{style}<w:t xml:space=\"preserve\">{}</w:t></w:r>", text(content))
}

/// Without characters that XML cannot hold. <https://www.w3.org/TR/xml/#charsets>
fn text(content: &str) -> String {
    let allowed = |c: &char| !c.is_control() && !matches!(c, '\u{fffe}' | '\u{ffff}');
    escape(content.chars().filter(allowed).collect::<String>()).into_owned()
}
