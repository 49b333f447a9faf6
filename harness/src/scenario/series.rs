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
        of.iter().for_each(|of| check_probe(of, &section, known));
        let Micros(every_us) = every?;
        let every_s = every_us / 1_000_000;
        if every_s == 0 || every_us % 1_000_000 != 0 {
            let message = format!("`{}` is looked at by whole seconds", section.path());
            section.problems.report(section.span(), message, "`every` is no whole number of them");
        }
        Some(Series { name: name.into_inner(), of: of?.into_inner(), every_s, least })
    };
    root.named("series").into_iter().filter_map(read).collect()
}
