//! A plan says what will be, the configuration where it is written: where both are given, the plan's findings stand at the
//! lines of the configuration.

use std::collections::BTreeMap;

use scangap_iac::Place;

use super::files::Read;

/// Where resources are written, by their address without modules and instances.
#[derive(Debug, Default)]
pub(super) struct Written(BTreeMap<String, Vec<(Place, Place)>>);

/// Takes the policies of modules out that a plan has with everything decided, and tells the plan's units where they are written.
pub(super) fn plans_first(mut read: Vec<Read>) -> Vec<Read> {
    let mut written = Written::default();
    for unit in read.iter().filter(|unit| unit.is_module) {
        for policy in &unit.stated.policies {
            written.add(&policy.address, (unit.source.place(policy.span.0), unit.source.place(policy.span.1)));
        }
        for setting in &unit.stated.settings {
            written.add(&setting.address, (unit.source.place(setting.span.0), unit.source.place(setting.span.1)));
        }
    }
    let planned: std::collections::BTreeSet<String> = read
        .iter()
        .filter(|unit| !unit.is_module)
        .flat_map(|unit| {
            let policies = unit.stated.policies.iter().map(|policy| plain(&policy.address));
            policies.chain(unit.stated.settings.iter().map(|setting| plain(&setting.address)))
        })
        .collect();
    for unit in &mut read {
        if unit.is_module {
            // Of the same address in two folders it is not known which is the plan's.
            let is_planned = |address: &str| planned.contains(&plain(address)) && written.only(address).is_some();
            unit.stated.policies.retain(|policy| !is_planned(&policy.address));
            unit.stated.settings.retain(|setting| !is_planned(&setting.address));
        } else {
            let addresses = unit.stated.policies.iter().map(|policy| &policy.address);
            let addresses = addresses.chain(unit.stated.settings.iter().map(|setting| &setting.address));
            unit.written =
                addresses.filter_map(|address| Some((address.clone(), written.only(address)?.clone()))).collect();
        }
    }
    read
}

impl Written {
    fn add(&mut self, address: &str, place: (Place, Place)) {
        self.0.entry(plain(address)).or_default().push(place);
    }

    fn only(&self, address: &str) -> Option<&(Place, Place)> {
        match self.0.get(&plain(address))?.as_slice() {
            [one] => Some(one),
            _ => None,
        }
    }
}

/// `aws_ecr_repository_policy.app` of `module.a["x"].aws_ecr_repository_policy.app[0]`.
fn plain(address: &str) -> String {
    let without_instances = {
        let (mut out, mut depth, mut in_string) = (String::new(), 0usize, false);
        for c in address.chars() {
            match c {
                '"' => in_string = !in_string,
                '[' if !in_string => depth += 1,
                ']' if !in_string => depth = depth.saturating_sub(1),
                c if depth == 0 => out.push(c),
                _ => {}
            }
        }
        out
    };
    let parts: Vec<&str> = without_instances.split('.').collect();
    parts.get(parts.len().saturating_sub(2)..).unwrap_or_default().join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_compared_without_modules_and_instances() {
        for address in [
            "aws_ecr_repository_policy.app",
            "module.team[\"a.b\"].module.x.aws_ecr_repository_policy.app[\"k]ey\"]",
            "aws_ecr_repository_policy.app[0]",
        ] {
            assert_eq!(plain(address), "aws_ecr_repository_policy.app", "{address}");
        }
    }
}
