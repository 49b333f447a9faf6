//! `[series.x]`: a reading over time, at the seconds that the scenario asks for.

use super::{
    measures::{Known, check_probe},
    model::Series,
    section::Section,
    units::Micros,
};
use toml::Spanned;

pub fn series(root: &Section<'_>, known: &Known<'_>) -> Vec<Series> {
    let read = |(name, section): (Spanned<String>, Section<'_>)| {
        let of = section.need::<Spanned<String>>("of", r#""rt_cache.entries""#);
        let every = section.need::<Micros>("every", r#""5 s""#);
        let least = section.get_or("give-or-take", 0);
        section.finish();
        check_probe(of.as_ref()?, &section, known);
        let every_s = every?.0 / 1_000_000;
        if every_s == 0 {
            let message = format!("`{}` is looked at by whole seconds", section.path());
            section.problems.report(section.span(), message, "`every` is too short");
        }
        Some(Series { name: name.into_inner(), of: of?.into_inner(), every_s, least })
    };
    root.named("series").into_iter().filter_map(read).collect()
}
