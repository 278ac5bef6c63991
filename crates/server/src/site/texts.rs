//! The site's own words (Fluent): Chinese and English are embedded in the binary, any other language comes with the pack.
//!
//! A pack may bring `locales/<language>/*.ftl`: words for a language that is not built in, or other words for one that
//! is. What a language does not say is said in English. Words of the policy come from the pack, never from here.

use bangfu_policy::model::Pack;
use bangfu_registry::packs::Locale;
use bangfu_registry::views::figures::Language;
use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};
use unic_langid::LanguageIdentifier;

const CHINESE: &str = include_str!("../../locales/zh-CN/site.ftl");
const ENGLISH: &str = include_str!("../../locales/en/site.ftl");

/// Words of all languages of a pack.
pub struct Texts {
    /// In the order of the pack.
    languages: Vec<(Language, Bundle)>,
    english: Bundle,
}

type Bundle = FluentBundle<FluentResource>;

/// A locale file that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("locale {locale}: {message}; correct the .ftl file")]
pub struct LocaleError {
    locale: String,
    message: String,
}

impl Texts {
    /// Parses the embedded files and those of the pack, for the languages of the pack.
    ///
    /// # Errors
    /// A file is not Fluent, or a language of the pack is no language tag.
    pub fn load(pack: &Pack, locales: &[Locale]) -> Result<Self, LocaleError> {
        let mut languages = Vec::new();
        for id in &pack.policy.languages {
            let own = locales.iter().filter(|locale| locale.language == *id);
            let bundle = bundle(id, own.map(|locale| (locale.path.as_str(), locale.text.as_str())))?;
            let language = Language::new(id, |key| message(&bundle, key, &[]));
            languages.push((language, bundle));
        }
        Ok(Self { languages, english: bundle("en", std::iter::empty())? })
    }

    /// The languages of the site, the default first.
    pub fn languages(&self) -> impl Iterator<Item = Language> {
        self.languages.iter().map(|(language, _)| *language)
    }

    /// The default language.
    pub fn first(&self) -> Language {
        self.languages().next().unwrap_or(Language::ENGLISH)
    }

    /// The language with this id, else the default.
    pub fn language(&self, id: &str) -> Language {
        self.languages().find(|language| language.id() == id).unwrap_or_else(|| self.first())
    }

    /// A message with arguments; a key that does not exist comes back in brackets, which the page tests refuse.
    pub fn get(&self, language: Language, key: &str, arguments: &[(&str, String)]) -> String {
        let bundle = self.languages.iter().find(|(known, _)| *known == language).map(|(_, bundle)| bundle);
        let said = bundle.and_then(|bundle| message(bundle, key, arguments));
        said.or_else(|| message(&self.english, key, arguments)).unwrap_or_else(|| format!("[{key}]"))
    }
}

fn message(bundle: &Bundle, key: &str, arguments: &[(&str, String)]) -> Option<String> {
    let pattern = bundle.get_message(key)?.value()?;
    let mut args = FluentArgs::new();
    for (name, value) in arguments {
        args.set(*name, FluentValue::from(value.as_str()));
    }
    let mut errors = Vec::new();
    let text = bundle.format_pattern(pattern, Some(&args), &mut errors);
    Some(if errors.is_empty() { text.into_owned() } else { format!("[{key}: {errors:?}]") })
}

/// Words of a language: the embedded ones, and over them those of the pack.
fn bundle<'f>(id: &str, own: impl Iterator<Item = (&'f str, &'f str)>) -> Result<Bundle, LocaleError> {
    let error = |locale: &str, message: String| LocaleError { locale: locale.to_owned(), message };
    let identifier: LanguageIdentifier = id.parse().map_err(|wrong| error(id, format!("{wrong}")))?;
    let mut bundle = FluentBundle::new_concurrent(vec![identifier]);
    // Isolation marks around arguments would be copied along with names and figures.
    bundle.set_use_isolating(false);
    let embedded = match id {
        "zh" => Some(("zh-CN/site.ftl", CHINESE)),
        "en" => Some(("en/site.ftl", ENGLISH)),
        _ => None,
    };
    for (path, source) in embedded.into_iter().chain(own) {
        let resource = FluentResource::try_new(source.to_owned());
        let resource = resource.map_err(|(_, errors)| error(path, format!("{errors:?}")))?;
        bundle.add_resource_overriding(resource);
    }
    Ok(bundle)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(source: &str) -> Vec<&str> {
        let mut keys: Vec<&str> = source
            .lines()
            .filter(|line| line.starts_with(|c: char| c.is_ascii_lowercase()))
            .filter_map(|line| line.split_once(" ="))
            .map(|(key, _)| key)
            .collect();
        keys.sort_unstable();
        keys
    }

    fn texts(languages: &str, locales: &[Locale]) -> Texts {
        let text = format!(
            "policy: {{id: a, version: 1, root: '1', languages: [{languages}], title: {{{}}}, \
             currency: {{code: XXX, symbol: {{{}}}}}}}\n\
             divisions: {{levels: [{{id: whole, digits: 1, title: {{{}}}}}]}}",
            named(languages),
            named(languages),
            named(languages)
        );
        let files = [bangfu_policy::SourceFile { path: "policy.yaml".to_owned(), text }];
        Texts::load(&bangfu_policy::load(&files).unwrap(), locales).unwrap()
    }

    fn named(languages: &str) -> String {
        languages.split(", ").map(|language| format!("{language}: x")).collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn both_languages_have_the_same_keys() {
        assert_eq!(keys(CHINESE), keys(ENGLISH));
        assert!(keys(ENGLISH).len() > 50);
    }

    #[test]
    fn arguments_are_put_in() {
        let texts = texts("zh, en", &[]);
        let text = texts.get(Language::ENGLISH, "list-total", &[("total", "12".to_owned())]);
        assert!(text.contains("12") && !text.contains('['), "{text}");
        assert_eq!(texts.get(Language::CHINESE, "no-such-key", &[]), "[no-such-key]");
    }

    #[test]
    fn a_pack_brings_words_and_english_fills_the_holes() {
        let locale = |language: &str, text: &str| Locale {
            language: language.to_owned(),
            path: format!("locales/{language}/site.ftl"),
            text: text.to_owned(),
        };
        let own = [locale("fr", "nav-policy = Politique\nnumber-point = ,\n"), locale("en", "nav-policy = Decree\n")];
        let texts = texts("fr, en", &own);
        let french = texts.first();
        assert_eq!((french.id(), french.decimals(1.5, 1).as_str()), ("fr", "1,5"));
        assert_eq!(texts.get(french, "nav-policy", &[]), "Politique");
        assert_eq!(texts.get(Language::ENGLISH, "nav-policy", &[]), "Decree");
        assert_eq!(texts.get(french, "nav-registry", &[]), texts.get(Language::ENGLISH, "nav-registry", &[]));
        assert_eq!(texts.language("zh"), french, "not a language of the pack");
    }
}
