//! Every call to Secrets Manager fails, in one way or another, or is carried out while the function ends; then the step comes
//! again, as Secrets Manager repeats it. The current token works at every moment.

use serde_json::Value;

use super::relay::{Break, Relay};
use super::world::{Function, NEW, OLD, STEPS, Secret, World};

/// More calls than a rotation makes, in all of its steps.
const CALLS: usize = 30;

pub async fn at_every_call(world: &World) {
    let relay = Relay::start(world.text("/endpoint")).await;
    let function = Function::start(world, &relay.url(), &[]).await;
    let ways = [Break::LoseResponse, Break::Refuse, Break::Error, Break::Throttle, Break::Garbage];
    for call in 0..CALLS {
        let how = ways[call % ways.len()];
        let secret = world.rotating().await;
        relay.break_from(call, how);
        let mut failed = false;
        for step in STEPS {
            if let Err(failure) = function.step(&secret, step).await {
                assert!(!failed, "{how:?} at call {call}: {step} does not recover: {failure:?}");
                failed = true;
                works(world, &secret, step).await;
                relay.heal();
                let again = function.step(&secret, step).await;
                again.unwrap_or_else(|failure| panic!("{how:?} at call {call}, {step} again: {failure:?}"));
            }
        }
        relay.heal();
        world.is_rotated(&secret).await;
        if !failed {
            assert!(call > 12, "a rotation makes more calls than {call}");
            function.stop().await;
            return;
        }
    }
    panic!("a rotation makes fewer calls than {CALLS}");
}

pub async fn killed_at_every_call(world: &World) {
    let relay = Relay::start(world.text("/endpoint")).await;
    for call in 0..CALLS {
        let secret = world.rotating().await;
        relay.break_from(call, Break::Hold);
        let function = Function::start(world, &relay.url(), &[]).await;
        let step = tokio::select! {
            result = function.rotate(&secret) => {
                result.unwrap_or_else(|failure| panic!("call {call}: {failure:?}"));
                assert!(call > 12, "a rotation makes more calls than {call}");
                return world.is_rotated(&secret).await;
            }
            () = relay.has_broken() => "killed",
        };
        function.kill();
        works(world, &secret, step).await;
        relay.heal();
        let function = Function::start(world, &relay.url(), &[]).await;
        function.rotate(&secret).await.unwrap_or_else(|failure| panic!("after a kill at call {call}: {failure:?}"));
        world.is_rotated(&secret).await;
        function.stop().await;
    }
    panic!("a rotation makes fewer calls than {CALLS}");
}

/// The old token until the last step, and from then on a token that the index has accepted.
async fn works(world: &World, secret: &Secret, step: &str) {
    let current: Value = world.current(secret).await;
    let may_be_new = ["finishSecret", "killed"].contains(&step);
    assert!(current == world.value(OLD) || may_be_new && current == world.value(NEW), "after {step}: {current}");
}
