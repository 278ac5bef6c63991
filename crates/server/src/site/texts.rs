//! The site's own words in Chinese and English (Fluent), embedded in the binary.
//!
//! Words of the policy come from the pack, never from here.

use bangfu_registry::views::figures::Language;
use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};
use unic_langid::LanguageIdentifier;

const CHINESE: &str = include_str!("../../locales/zh-CN/site.ftl");
const ENGLISH: &str = include_str!("../../locales/en/site.ftl");

/// Both languages.
pub struct Texts {
    chinese: FluentBundle<FluentResource>,
    english: FluentBundle<FluentResource>,
}

/// A locale file that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("locale {locale}: {message}; correct the .ftl file and build again")]
pub struct LocaleError {
    locale: &'static str,
    message: String,
}

impl Texts {
    /// Parses the embedded files.
    pub fn load() -> Result<Self, LocaleError> {
        Ok(Self { chinese: bundle("zh-CN", CHINESE)?, english: bundle("en", ENGLISH)? })
    }

    /// A message with arguments; a key that does not exist comes back in brackets, which the page tests refuse.
    pub fn get(&self, language: Language, key: &str, arguments: &[(&str, String)]) -> String {
        let bundle = match language {
            Language::Chinese => &self.chinese,
            Language::English => &self.english,
        };
        let Some(pattern) = bundle.get_message(key).and_then(|message| message.value()) else {
            return format!("[{key}]");
        };
        let mut args = FluentArgs::new();
        for (name, value) in arguments {
            args.set(*name, FluentValue::from(value.as_str()));
        }
        let mut errors = Vec::new();
        let text = bundle.format_pattern(pattern, Some(&args), &mut errors);
        if errors.is_empty() { text.into_owned() } else { format!("[{key}: {errors:?}]") }
    }
}

fn bundle(locale: &'static str, source: &str) -> Result<FluentBundle<FluentResource>, LocaleError> {
    let error = |message: String| LocaleError { locale, message };
    let resource = FluentResource::try_new(source.to_owned()).map_err(|(_, errors)| error(format!("{errors:?}")))?;
    let id: LanguageIdentifier = locale.parse().map_err(|e| error(format!("{e}")))?;
    let mut bundle = FluentBundle::new_concurrent(vec![id]);
    // Isolation marks around arguments would be copied along with names and figures.
    bundle.set_use_isolating(false);
    bundle.add_resource(resource).map_err(|errors| error(format!("{errors:?}")))?;
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

    #[test]
    fn both_languages_have_the_same_keys() {
        assert_eq!(keys(CHINESE), keys(ENGLISH));
        assert!(keys(ENGLISH).len() > 50);
    }

    #[test]
    fn arguments_are_put_in() {
        let texts = Texts::load().unwrap();
        let text = texts.get(Language::English, "list-total", &[("total", "12".to_owned())]);
        assert!(text.contains("12") && !text.contains('['), "{text}");
        assert_eq!(texts.get(Language::Chinese, "no-such-key", &[]), "[no-such-key]");
    }
}
