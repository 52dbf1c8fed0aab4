//! A second stage: the files that an image needs at run time are copied from the stage that built them. That stage,
//! with its compilers, sources and caches, is not part of the image. The layers show which files are needed; if they
//! do not, there is no advice.

mod accounts;
mod copies;
mod elf;
mod entry;
mod facts;
mod left_out;
mod lines;
mod makers;
mod needs;
mod paste;
mod removed;
mod roots;
mod saving;
mod survey;
mod system;
#[cfg(test)]
mod tests;
mod tools;
mod tree;

use crate::advice::candidate::{Advice, Candidate, Kind};
use crate::advice::image::Image;
use libcli::Failure;
use libimage::packages::Package;
use libimage::source::Opened;
use libwire::image::{ContainerConfig, Descriptor, MEDIA_MANIFEST};
use libwire::provenance::Base;
use makers::word;
use roots::Chosen;
use std::collections::HashSet;
use survey::{Class, Survey};
use tools::is_tool;
use tree::Tree;

/// The second stage of an image that was built in this store, if it is useful.
pub(super) fn advise<'a>(opened: &Opened, image: &Image<'a>) -> Result<Option<Candidate<'a>>, Failure> {
    let Some(known) = opened.provenance() else { return Ok(None) };
    let Some(mut survey) = survey(image, &known.base) else { return Ok(None) };
    let base_config = base_config(opened, &known.base);
    let config = &opened.image.config;
    let (Some(started), true) = (entry::started(&config.config), base_config.on_build.is_empty()) else {
        return Ok(None);
    };
    let facts = facts::read(opened, &survey)?;
    let Some(needed) = needs::needed(&mut survey, &facts, config, &started) else { return Ok(None) };
    let chosen = roots::choose(image, &survey, &facts, needed.packages);
    let (Some(chosen), Some(copies)) = (chosen, copies::copies(&survey)) else { return Ok(None) };
    if !has_tools(image, &survey, &chosen.all) {
        return Ok(None);
    }
    let ldconfig = needed.ldconfig && !is_musl(&survey);
    let Some(after) = after(&survey, &chosen, ldconfig) else { return Ok(None) };
    let Some(accounts) = accounts::accounts(opened, &survey, &copies, &config.config.user)? else {
        return Ok(None);
    };
    let second = lines::Second {
        known: &known,
        base_user: &base_config.user,
        chosen: &chosen,
        copies: &copies,
        accounts: &accounts,
        after: &after,
    };
    let Some(changes) = lines::changes(image, &survey.tree, &second) else { return Ok(None) };
    let saves = saving::saving(opened, image, &survey, &chosen, &copies, &accounts, ldconfig)?;
    let Some((content, download)) = saves else { return Ok(None) };
    let title = "copy what is needed into a second stage, and leave behind what built it".to_owned();
    let why = left_out::sentence(image, &survey, &chosen);
    let advice = Advice::new(Kind::SecondStage, title, changes, content, why);
    Ok(advice.map(|advice| Candidate {
        advice: Advice { saves_download: download, ..advice },
        omitted: Vec::new(),
        always: false,
    }))
}

/// The commands to run after everything is copied; `None` if the second stage lacks such a program.
fn after(survey: &Survey, chosen: &Chosen, ldconfig: bool) -> Option<Vec<&'static str>> {
    let certificates = system::has_certificates(survey);
    let brings = |name: &str| {
        let packages = survey.tree.ledger.packages.all();
        chosen.all.iter().any(|&id| packages[id as usize].name == name)
    };
    let base = |program: &str| survey.tree.base_program(program);
    if (ldconfig && !base("ldconfig"))
        || (certificates && !base("update-ca-certificates") && !brings("ca-certificates"))
    {
        return None;
    }
    let mut after = Vec::new();
    after.extend(ldconfig.then_some("ldconfig"));
    after.extend(certificates.then_some("update-ca-certificates"));
    Some(after)
}

/// The survey of the image above its base, if something there builds, and the image starts a program.
fn survey<'a>(image: &Image<'a>, base: &Base) -> Option<Survey<'a>> {
    let layers = u16::try_from(base.layers).ok().filter(|&layers| layers > 0)?;
    let starts = |instruction: &libimage::instruction::Instruction| {
        !instruction.base && ["CMD", "ENTRYPOINT"].contains(&word(&instruction.text).as_str())
    };
    // A history that does not fit the layers explains none of them.
    let explained = image.instructions.iter().filter(|i| i.base && i.layer.is_some()).count() == base.layers;
    if !explained || !image.instructions.iter().any(starts) || has_others(image) {
        return None;
    }
    let tree = Tree { ledger: image.ledger, base: layers };
    let survey = Survey::new(image, tree, makers::made(image, layers)?);
    has_tools(image, &survey, &HashSet::new()).then_some(survey)
}

/// Whether something above the base builds or installs, and is not among the needed packages.
fn has_tools(image: &Image, survey: &Survey, needed: &HashSet<u32>) -> bool {
    let mut packages = (0..).zip(image.ledger.packages.all());
    let tool = |(id, package): (u32, &Package)| {
        let there = package.layer >= survey.tree.base && package.gone.is_none();
        there && !needed.contains(&id) && is_tool(package, &package.name)
    };
    packages.any(tool) || survey.all().any(|(_, class)| class == Class::Tool)
}

/// Whether another package manager's record is there, rpm's or pacman's. The owners of files are then unknown.
fn has_others(image: &Image) -> bool {
    ["var/lib/rpm", "usr/lib/sysimage/rpm", "var/lib/pacman/local"].iter().any(|dir| {
        let place = image.ledger.find(dir.as_bytes());
        place.is_some_and(|place| {
            image.ledger.places.below(place).any(|file| image.ledger.visible(file).is_some())
        })
    })
}

/// The base image's config, if it is still in the store.
fn base_config(opened: &Opened, base: &Base) -> ContainerConfig {
    let read = |digest| {
        let (annotations, platform, extra) = (Default::default(), None, Default::default());
        let size = std::fs::metadata(opened.store.blob_path(digest)).ok()?.len();
        let descriptor =
            Descriptor { media_type: MEDIA_MANIFEST.into(), digest, size, annotations, platform, extra };
        Some(opened.store.image(&descriptor).ok()?.config.config)
    };
    base.manifest.and_then(read).unwrap_or_default()
}

fn is_musl(survey: &Survey) -> bool {
    let ledger = survey.tree.ledger;
    ledger.find(b"lib").is_some_and(|lib| {
        ledger.places.children(lib).any(|file| ledger.places.name(file).starts_with(b"ld-musl-"))
    })
}
