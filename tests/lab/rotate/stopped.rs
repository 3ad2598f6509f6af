//! The ways in which a rotation stops, each with the mesh whole and a way on.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use lab::cluster::Cluster;

use super::{
    LEFT, Place, anchors, assert_rotated, in_state,
    operator::Operator,
    traffic::{Traffic, assert_goes_on},
    words,
};
use crate::harness::{Ran, Result, Target, lab_name};

/// Starts the binary and reads its stderr until a line says `until`.
fn start(target: &Target, arguments: &[&str], until: &str) -> Result<(Child, BufReader<std::process::ChildStderr>)> {
    let mut child = target.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let mut stderr = BufReader::new(child.stderr.take().ok_or("no stderr")?);
    let mut line = String::new();
    while !line.contains(until) {
        line.clear();
        if stderr.read_line(&mut line)? == 0 {
            return Err(format!("it ended before it said `{until}`").into());
        }
    }
    Ok((child, stderr))
}

/// Its end, with what it went on to say.
fn end(child: Child, stderr: BufReader<std::process::ChildStderr>) -> Result<Ran> {
    let told: Vec<String> = stderr.lines().collect::<std::io::Result<_>>()?;
    let mut output = child.wait_with_output()?;
    output.stderr = told.join("\n").into_bytes();
    Ok(Ran::of(output))
}

#[tokio::test]
async fn what_cannot_be_restarted_holds_the_gate_until_somebody_sees_to_it() -> Result {
    let target = in_state("healthy").await?;
    let place = Place::new()?;
    let before = anchors(&target)?;
    let traffic = Traffic::watch(&target);
    let ran = target.run(&words(&place.rotate_anchor(&[])))?;
    assert_eq!(ran.code(), 5, "{}", ran.stderr());
    for name in ["emojivoto/paused Deployment", "emojivoto/batch Job", "emojivoto/bare Pod"] {
        assert!(ran.stderr().contains(name), "{name}: {}", ran.stderr());
    }
    assert_eq!(anchors(&target)?.len(), 2, "extended, and not further");

    let called = Arc::new(AtomicBool::new(false));
    let operator = Operator::watch(&target, Arc::clone(&called));
    let arguments = place.rotate_anchor(&["--hold", "10m"]);
    let mut child = target.command(&words(&arguments)).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let mut told = Vec::new();
    for line in BufReader::new(child.stderr.take().ok_or("no stderr")?).lines() {
        let line = line?;
        if line.contains("waiting for an operator") {
            called.store(true, Ordering::Relaxed);
        }
        told.push(line);
    }
    let mut output = child.wait_with_output()?;
    output.stderr = told.join("\n").into_bytes();
    let rounds = operator.end();
    let counts = traffic.end();
    println!("the operator was called {rounds} times, requests {counts:?}");
    assert_rotated(&target, &before, &Ran::of(output))?;
    assert!(rounds >= 2, "once for the bundle, once for the leafs: {rounds}");
    assert_goes_on(&counts);
    Ok(())
}

#[tokio::test]
async fn a_rollout_that_fails_stops_it_and_mended_it_goes_on() -> Result {
    let target = in_state("healthy").await?;
    let place = Place::new()?;
    let before = anchors(&target)?;
    let image = |image: &str| {
        target.kubectl(&["set", "image", "deployment/legacy", "-n", "emojivoto", &format!("legacy={image}")])
    };
    image("linkerd-certs.lab/none:1")?;
    let deadline = [&LEFT[..], &["--rollout-timeout", "40s"]].concat();
    let ran = target.run(&words(&place.rotate_anchor(&deadline)))?;
    assert_eq!(ran.code(), 5, "{}", ran.stderr());
    assert!(ran.stderr().contains("emojivoto/legacy") && ran.stderr().contains("Image"), "{}", ran.stderr());
    let checked = target.check(&["--probe", "all"])?;
    assert!(!checked.codes().contains(&"LC-P02"), "every pair verifies: {checked}");
    image("linkerd-certs.lab/app:1")?;
    let ran = target.run(&words(&place.rotate_anchor(&LEFT)))?;
    assert_rotated(&target, &before, &ran)
}

#[tokio::test]
async fn of_two_at_once_one_goes_on_and_a_hand_in_the_bundle_is_noticed() -> Result {
    let target = in_state("healthy").await?;
    let place = Place::new()?;
    let before = anchors(&target)?;
    let traffic = Traffic::watch(&target);
    let (child, stderr) = start(&target, &words(&place.rotate_anchor(&LEFT)), "extend: restart")?;

    // Somebody takes the new anchor out of the bundle while pods are being restarted.
    let patch = serde_json::json!({"data": {"ca-bundle.crt": before.join("\n")}}).to_string();
    let roots = ["configmap", "linkerd-identity-trust-roots", "-n", "linkerd", "--type", "merge", "-p", &patch];
    target.kubectl(&[&["patch"], &roots[..]].concat())?;

    // A colleague, as far as the lock can tell: it waits for a while, and says who is at it.
    let second = target.command(&words(&place.rotate_anchor(&LEFT))).env("USER", "colleague").output()?;
    let second = Ran::of(second);
    assert_eq!(second.code(), 5, "{}", second.stderr());
    assert!(second.stderr().contains("holds the lock since"), "{}", second.stderr());
    let ran = end(child, stderr)?;
    let counts = traffic.end();
    println!("a hand in the bundle: requests {counts:?}");
    assert_rotated(&target, &before, &ran)?;
    assert_goes_on(&counts);
    Ok(())
}

#[tokio::test]
async fn whoever_may_not_do_all_of_it_is_told_before_anything_is_done() -> Result {
    if Target::is_given_and("users with few rights are the lab's own") {
        return Ok(());
    }
    let target = in_state("forbidden").await?;
    let place = Place::new()?;
    let before = anchors(&target)?;
    let files = Cluster::require(&lab_name())?.machine().dir().join("mesh");
    for user in ["some", "none"] {
        let poor = Target::of(files.join(format!("{user}.kubeconfig")));
        let ran = poor.run(&words(&place.rotate_anchor(&[&LEFT[..], &["-L", "linkerd"]].concat())))?;
        assert!(matches!(ran.code(), 1 | 5), "{user}: {}", ran.stderr());
        let told = ran.stderr();
        assert!(told.contains("cannot be read") || told.contains("forbidden"), "{user}: {told}");
        assert!(!place.key().exists(), "no key is left for an anchor that is nowhere");
    }
    assert_eq!(anchors(&target)?, before);
    Ok(())
}

#[tokio::test]
async fn what_helm_owns_is_left_to_helm() -> Result {
    if Target::is_given_and("states are the lab's own") {
        return Ok(());
    }
    let target = in_state("helm").await?;
    let place = Place::new()?;
    let before = anchors(&target)?;
    let ran = target.run(&words(&place.rotate_anchor(&LEFT)))?;
    assert_eq!(ran.code(), 5, "{}", ran.stderr());
    assert!(ran.stderr().contains("Helm release linkerd/linkerd-control-plane"), "{}", ran.stderr());
    assert_eq!(anchors(&target)?, before);
    Ok(())
}
