//! How much of what archives claim or hold is read. Hitting a budget is said of the member or archive that hit it; it
//! never ends the run. `docs/containers.md` lists them.

use serde::{Deserialize, Serialize};

/// Limits on containers, each with its default.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Budgets {
    /// Decompressed bytes of one member or one compressed file.
    pub member_bytes: u64,
    /// Decompressed bytes of one container, by what its headers declare.
    pub container_bytes: u64,
    /// Decompressed bytes of all containers, and as much again for finding out what they hold.
    pub total_bytes: u64,
    /// What swells more than so many times is a bomb: a member, a compressed file, and an archive with all that it
    /// holds at any depth. Logs shrink 10 to 40 times.
    pub ratio: u64,
    /// Decompressed bytes below which the ratio says nothing; of an archive with all that it holds, 16 times as much.
    pub ratio_free_bytes: u64,
    /// Members of one container.
    pub members: u64,
    /// Members of all containers.
    pub total_members: u64,
    /// Containers inside each other.
    pub depth: u32,
    /// Bytes of a member's name; longer ones are cut.
    pub name_bytes: usize,
    /// Bytes of the list of members of a zip archive.
    pub directory_bytes: u64,
}

impl Default for Budgets {
    fn default() -> Self {
        Self {
            member_bytes: 256 << 30,
            container_bytes: 1 << 40,
            total_bytes: 2 << 40,
            ratio: 400,
            ratio_free_bytes: 64 << 20,
            members: 1_000_000,
            total_members: 1_000_000,
            depth: 5,
            name_bytes: 4_096,
            directory_bytes: 512 << 20,
        }
    }
}

impl Budgets {
    /// Names of the budgets, as a person writes them.
    pub const NAMES: [&'static str; 10] = [
        "member-bytes",
        "container-bytes",
        "total-bytes",
        "ratio",
        "ratio-free-bytes",
        "members",
        "total-members",
        "depth",
        "name-bytes",
        "directory-bytes",
    ];

    /// Sets one by its name. `None`: there is none of this name, or the number is too large for it.
    #[must_use]
    pub fn set(&mut self, name: &str, to: u64) -> Option<()> {
        match name {
            "member-bytes" => self.member_bytes = to,
            "container-bytes" => self.container_bytes = to,
            "total-bytes" => self.total_bytes = to,
            "ratio" => self.ratio = to,
            "ratio-free-bytes" => self.ratio_free_bytes = to,
            "members" => self.members = to,
            "total-members" => self.total_members = to,
            "depth" => self.depth = u32::try_from(to).ok()?,
            "name-bytes" => self.name_bytes = usize::try_from(to).ok()?,
            "directory-bytes" => self.directory_bytes = to,
            _ => return None,
        }
        Some(())
    }

    /// Why a stream of which so many bytes came out of so many is not read on.
    pub(crate) fn stop(&self, decompressed: u64, compressed: u64) -> Option<String> {
        if decompressed > self.member_bytes {
            return Some(format!("more than {} bytes decompressed", self.member_bytes));
        }
        let swells = decompressed > self.ratio_free_bytes && decompressed / compressed.max(1) > self.ratio;
        swells.then(|| format!("swells more than {} times, as a bomb does", self.ratio))
    }
}

#[cfg(test)]
mod tests {
    use super::Budgets;

    #[test]
    fn each_budget_has_a_name_of_its_own() {
        let usual = serde_value(&Budgets::default());
        for name in Budgets::NAMES {
            let mut budgets = Budgets::default();
            budgets.set(name, 3).expect(name);
            let set = serde_value(&budgets);
            let changed: Vec<_> = set.iter().zip(&usual).filter(|(now, before)| now != before).collect();
            assert_eq!(changed.len(), 1, "{name}");
            assert!(changed[0].0.starts_with(&name.replace('-', "_")), "{name}: {changed:?}");
        }
        assert_eq!(usual.len(), Budgets::NAMES.len());
        assert!(Budgets::default().set("depth", u64::MAX).is_none() && Budgets::default().set("", 1).is_none());
    }

    fn serde_value(budgets: &Budgets) -> Vec<String> {
        let shown = format!("{budgets:?}");
        let fields = shown.trim_start_matches("Budgets { ").trim_end_matches(" }");
        fields.split(", ").map(str::to_owned).collect()
    }
}

/// How containers are opened.
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct Opening {
    /// Tried on whatever is encrypted, in their order. They are not serialised: who sends an inventory to another
    /// process gives them to it, and no copy of it on a disk holds them.
    #[serde(skip)]
    pub passwords: Vec<String>,
    /// What is read at most.
    pub budgets: Budgets,
}

impl std::fmt::Debug for Opening {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let passwords = format_args!("{} kept to itself", self.passwords.len());
        out.debug_struct("Opening").field("passwords", &passwords).field("budgets", &self.budgets).finish()
    }
}
