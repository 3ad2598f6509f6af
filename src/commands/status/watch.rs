use std::{path::Path, time::Duration};

use tokio::signal::ctrl_c;

use crate::{
    cli::StatusFormat,
    commands::observe::Origin,
    error::Error,
    exit::ExitStatus,
    ui::{Screen, Ui},
};

use super::{Seen, Settings, Source, essence, shown};

/// Looks again and again until Ctrl-C, which is how it is meant to end and nothing to complain about.
pub(super) async fn watch(settings: &Settings, every: Duration, ui: &Ui) -> Result<ExitStatus, Error> {
    let for_people = matches!(settings.format, StatusFormat::Tree | StatusFormat::Wide);
    let mut screen = ui.screen(for_people);
    tokio::select! {
        biased;
        _ = ctrl_c() => Ok(ExitStatus::Interrupted),
        ended = looking(settings, every, ui, &mut screen) => ended,
    }
}

async fn looking(settings: &Settings, every: Duration, ui: &Ui, screen: &mut Screen) -> Result<ExitStatus, Error> {
    let (source, mut seen) = {
        let _progress = ui.progress("reading the mesh");
        let source = Source::open(settings).await?;
        let seen = Box::pin(source.read()).await?;
        (source, seen)
    };
    // What stdin held does not change.
    let once = matches!(&settings.origin, Origin::File(file) if file == Path::new("-"));
    let mut before: Option<String> = None;
    let mut lost: Option<String> = None;
    loop {
        let now = essence(&seen, settings)?;
        let changed = before.as_ref() != Some(&now);
        if changed || screen.redraws() {
            let text = block(&seen, settings, screen, before.is_some())?;
            if !screen.show(&text, lost.as_deref())? {
                return Ok(ExitStatus::Fine);
            }
        }
        before = Some(now);
        if once {
            return Ok(ExitStatus::Fine);
        }
        tokio::time::sleep(every).await;
        // An API server that is away for a moment ends nothing: what was seen last stands, with the time it was seen at.
        match Box::pin(source.read()).await {
            Ok(new) => (seen, lost) = (new, None),
            Err(error) => {
                let said = error.to_string();
                if !screen.redraws() && lost.as_ref() != Some(&said) {
                    ui.say(&format!("cannot read it now, and looks on: {said}"));
                }
                lost = Some(said);
            }
        }
    }
}

/// What is shown of one look; where it follows another one, with what sets it off.
fn block(seen: &Seen, settings: &Settings, screen: &Screen, follows: bool) -> Result<String, Error> {
    let text = shown(seen, settings, screen.look())?;
    if screen.redraws() {
        return Ok(text);
    }
    Ok(match settings.format {
        StatusFormat::Tree | StatusFormat::Wide if follows => format!("\n{text}"),
        StatusFormat::Short => format!("at {}\n{text}", crate::findings::moment(seen.snapshot.taken_at)),
        StatusFormat::Yaml if follows => format!("---\n{text}"),
        _ => text,
    })
}
