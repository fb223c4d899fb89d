//! A machine as numbers.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// What a number is stored or multiplied in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// 16-bit floats.
    Bf16,
    /// 8-bit numbers.
    Int8,
    /// 4-bit numbers.
    Int4,
}

impl Format {
    /// All of them, widest first.
    pub const ALL: [Self; 3] = [Self::Bf16, Self::Int8, Self::Int4];

    /// Bytes of a number.
    pub fn bytes(self) -> f64 {
        match self {
            Self::Bf16 => 2.0,
            Self::Int8 => 1.0,
            Self::Int4 => 0.5,
        }
    }

    /// As people type it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bf16 => "bf16",
            Self::Int8 => "int8",
            Self::Int4 => "int4",
        }
    }
}

/// Multiplications and additions per second of a chip, two operations each, as makers count.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rates {
    /// In 16-bit floats.
    pub bf16: f64,
    /// In 8-bit numbers, where the chip can do that.
    pub int8: Option<f64>,
    /// In 4-bit numbers, where the chip can do that.
    pub int4: Option<f64>,
}

/// Chips that are joined more closely than others.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Node {
    /// How many.
    pub chips: usize,
    /// Bytes per second of a chip to those of other nodes, in one direction.
    pub link_bytes_per_s: f64,
}

/// A kind of chip, and how many of them are joined.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Machine {
    /// What people call it.
    pub name: String,
    /// Chips that there are, where that is fixed.
    pub chips: Option<usize>,
    /// Arithmetic of a chip.
    pub ops_per_s: Rates,
    /// Memory of a chip.
    pub memory_bytes: f64,
    /// What a chip reads from it.
    pub memory_bytes_per_s: f64,
    /// What a chip sends to its neighbours, in one direction; needed for more than one chip.
    pub link_bytes_per_s: Option<f64>,
    /// Sides of the torus that the chips form; without one any grouping is possible.
    pub mesh: Option<Vec<usize>>,
    /// Chips of a node, where links between nodes are slower.
    pub node: Option<Node>,
    /// What was measured of the machine: how far it stays behind the bound.
    pub calibration: Option<super::Calibration>,
}

/// More chips than anybody joins; a larger number is a typing error.
const MOST_CHIPS: usize = 65_536;

impl Machine {
    /// Refuses numbers that no machine has.
    ///
    /// # Errors
    /// [`Error::Request`] that names the field.
    pub fn check(&self) -> Result<()> {
        let wrong = |field: &str, found: f64, least: f64, most: f64, unit: &str| {
            let reason = format!(
                "the machine {}: {field} is {found:e}, and no chip has that: it is {unit}, from {least:e} to {most:e}",
                self.name
            );
            Err(Error::Request { reason })
        };
        let rates = self.ops_per_s;
        let link = self.node.map(|node| node.link_bytes_per_s);
        let fields = [
            ("ops_per_s.bf16", Some(rates.bf16), 1e8, 1e18, "operations per second"),
            ("ops_per_s.int8", rates.int8, 1e8, 1e18, "operations per second"),
            ("ops_per_s.int4", rates.int4, 1e8, 1e18, "operations per second"),
            ("memory_bytes", Some(self.memory_bytes), 1e6, 1e14, "bytes"),
            ("memory_bytes_per_s", Some(self.memory_bytes_per_s), 1e7, 1e15, "bytes per second"),
            ("link_bytes_per_s", self.link_bytes_per_s, 1e6, 1e14, "bytes per second"),
            ("node.link_bytes_per_s", link, 1e6, 1e14, "bytes per second"),
        ];
        for (field, found, least, most, unit) in fields {
            if let Some(found) = found
                && !(least..=most).contains(&found)
            {
                return wrong(field, found, least, most, unit);
            }
        }
        let counts = [("chips", self.chips), ("node.chips", self.node.map(|node| node.chips))];
        let sides = self.mesh.iter().flatten().map(|side| ("mesh", Some(*side)));
        for (field, found) in counts.into_iter().chain(sides) {
            if found.is_some_and(|n| n == 0 || n > MOST_CHIPS) {
                return wrong(field, found.unwrap_or(0) as f64, 1.0, MOST_CHIPS as f64, "a number of chips");
            }
        }
        if let (Some(mesh), Some(chips)) = (&self.mesh, self.chips)
            && mesh.iter().product::<usize>() != chips
        {
            let reason = format!(
                "the machine {}: a mesh of {mesh:?} has {} chips, and chips says {chips}; one of the two is wrong",
                self.name,
                mesh.iter().product::<usize>()
            );
            return Err(Error::Request { reason });
        }
        self.calibration.map_or(Ok(()), |calibration| calibration.check(&self.name))
    }

    /// Operations per second in a format.
    ///
    /// # Errors
    /// [`Error::Request`] where the chip has no such arithmetic.
    pub fn rate(&self, format: Format) -> Result<f64> {
        let rate = match format {
            Format::Bf16 => Some(self.ops_per_s.bf16),
            Format::Int8 => self.ops_per_s.int8,
            Format::Int4 => self.ops_per_s.int4,
        };
        let name = format.name();
        rate.ok_or_else(|| Error::Request {
            reason: format!(
                "the machine {} states no rate for {name}; choose another arithmetic, or add ops_per_s.{name} to its file",
                self.name
            ),
        })
    }

    /// How many chips a plan is for: those asked for, else those of the machine, else one.
    ///
    /// # Errors
    /// [`Error::Request`] for more than there are, for none, and for several without a link.
    pub fn count(&self, asked: Option<usize>) -> Result<usize> {
        let chips = asked.or(self.chips).unwrap_or(1);
        let refuse = |reason: String| Err(Error::Request { reason });
        if chips == 0 || chips > MOST_CHIPS {
            return refuse(format!("{chips} chips: give a number from 1 to {MOST_CHIPS}"));
        }
        if let Some(most) = self.chips.filter(|most| chips > *most) {
            return refuse(format!("{chips} chips: the machine {} has {most}", self.name));
        }
        if chips > 1 && self.link_bytes_per_s.is_none() {
            return refuse(format!(
                "{chips} chips: the machine {} names no link between chips; add link_bytes_per_s to its file",
                self.name
            ));
        }
        Ok(chips)
    }

    /// Sides of the torus for so many chips: those of the machine when it has so many, else as near to a cube as
    /// factors allow, as slices of TPUs are. `None` where any grouping is possible.
    pub(super) fn sides(&self, chips: usize) -> Option<Vec<usize>> {
        let mesh = self.mesh.as_ref()?;
        if mesh.iter().product::<usize>() == chips {
            return Some(mesh.clone());
        }
        let mut sides = vec![1; mesh.len().max(1)];
        for factor in factors(chips).into_iter().rev() {
            if let Some(least) = sides.iter_mut().min() {
                *least *= factor;
            }
        }
        Some(sides)
    }

    /// Bytes per second within a group of chips that are numbered one after the other in steps of `stride`.
    pub(super) fn link(&self, group: usize, stride: usize) -> f64 {
        let near = self.link_bytes_per_s.unwrap_or(f64::INFINITY);
        match self.node {
            Some(node) if group.saturating_mul(stride) > node.chips => near.min(node.link_bytes_per_s),
            _ => near,
        }
    }
}

/// Prime factors, least first.
fn factors(mut n: usize) -> Vec<usize> {
    let mut found = Vec::new();
    let mut factor = 2;
    while factor * factor <= n {
        while n.is_multiple_of(factor) {
            found.push(factor);
            n /= factor;
        }
        factor += 1;
    }
    found.extend((n > 1).then_some(n));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chip() -> Machine {
        super::super::machines().iter().find(|machine| machine.name == "tpu-v4").cloned().unwrap()
    }

    #[test]
    fn slices_are_as_near_to_a_cube_as_can_be() {
        let sides = |n| {
            let mut sides = chip().sides(n).unwrap();
            sides.sort_unstable();
            sides
        };
        assert_eq!([8, 16, 32, 64, 256].map(sides), [[2, 2, 2], [2, 2, 4], [2, 4, 4], [4, 4, 4], [4, 8, 8]]);
        assert_eq!(sides(12), [2, 2, 3]);
    }

    #[test]
    fn impossible_numbers_are_named() {
        assert!(chip().check().is_ok());
        let told = |change: fn(&mut Machine)| {
            let mut machine = chip();
            change(&mut machine);
            machine.check().unwrap_err().to_string()
        };
        for (told, needle) in [
            (told(|m| m.memory_bytes_per_s = 0.0), "memory_bytes_per_s"),
            (told(|m| m.ops_per_s.int8 = Some(f64::NAN)), "ops_per_s.int8"),
            (told(|m| m.memory_bytes = -1.0), "memory_bytes"),
            (told(|m| m.chips = Some(0)), "chips"),
            (told(|m| m.mesh = Some(vec![4, 0])), "mesh"),
            (told(|m| (m.chips, m.mesh) = (Some(64), Some(vec![2, 2]))), "one of the two is wrong"),
        ] {
            assert!(told.contains(needle) && told.contains("tpu-v4"), "{told}");
        }
        assert!(chip().count(Some(0)).is_err());
        let mut alone = chip();
        alone.link_bytes_per_s = None;
        assert!(alone.count(Some(2)).unwrap_err().to_string().contains("link_bytes_per_s"));
        assert_eq!(alone.count(None).unwrap(), 1);
    }
}
