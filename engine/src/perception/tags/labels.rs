//! Names of the 1,000 ImageNet classes and of families of them.

/// Classes and families.
pub(super) struct Labels {
    classes: Vec<&'static str>,
    /// A name and the indices of its members.
    families: Vec<(&'static str, Vec<usize>)>,
}

impl Labels {
    /// The lists that this build carries.
    pub(super) fn embedded() -> Self {
        let classes = include_str!("../../../../assets/labels/imagenet.txt").lines().collect();
        let families = include_str!("../../../../assets/labels/imagenet-families.txt")
            .lines()
            .filter(|line| !line.starts_with('#'))
            .filter_map(|line| line.split_once(':'))
            .map(|(name, members)| (name, members.split_whitespace().flat_map(indices).collect()))
            .collect();
        Self { classes, families }
    }

    /// What can be said: name, member classes and probability. A family that gathers more than its
    /// likeliest member alone comes first; then classes of at least `least`, likeliest first.
    pub(super) fn summarise(&self, probabilities: &[f32], least: f32) -> Vec<(String, Vec<usize>, f32)> {
        let mut said: Vec<(String, Vec<usize>, f32)> = self
            .families
            .iter()
            .map(|(name, members)| {
                let sum = members.iter().filter_map(|i| probabilities.get(*i)).sum();
                ((*name).to_owned(), members.clone(), sum)
            })
            .filter(|(_, _, probability)| *probability >= least)
            .collect();
        let classes = self.classes.iter().zip(probabilities).enumerate();
        said.extend(
            classes
                .filter(|(_, (_, probability))| **probability >= least)
                .map(|(i, (name, probability))| ((*name).to_owned(), vec![i], *probability)),
        );
        said.sort_by(|a, b| b.2.total_cmp(&a.2));
        said
    }
}

/// "7" or "7-24".
fn indices(text: &str) -> std::ops::RangeInclusive<usize> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    match (first.parse(), last.parse()) {
        (Ok(first), Ok(last)) => first..=last,
        // No such class, and a test says so: the list is embedded.
        _ => usize::MAX..=usize::MAX,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_fit_together() {
        let labels = Labels::embedded();
        assert_eq!(labels.classes.len(), 1000);
        for (name, members) in &labels.families {
            assert!(!members.is_empty() && members.iter().all(|i| *i < 1000), "{name}: {members:?}");
        }
        assert_eq!(labels.classes[281], "tabby");
        let mut seen = std::collections::HashSet::new();
        assert!(labels.families.iter().flat_map(|(_, members)| members).all(|i| seen.insert(*i)));
    }

    #[test]
    fn a_family_gathers_what_its_members_share() {
        let mut probabilities = vec![0.0; 1000];
        (probabilities[281], probabilities[282], probabilities[285]) = (0.3, 0.25, 0.05);
        let said = Labels::embedded().summarise(&probabilities, 0.08);
        let names: Vec<&str> = said.iter().map(|(name, _, _)| name.as_str()).collect();
        assert_eq!(names, ["cat", "tabby", "tiger cat"]);
        assert!((said[0].2 - 0.6).abs() < 1e-6);
    }
}
