/** What tabs of the app ask one another: one of them runs the keys, and reads the chats for all. */
import { account } from "./account.js";
import { LOCK } from "./session.js";

const CHANNEL = "veche-app";
const WAIT_MS_MAX = 30_000;
const LEAVE_MS_MAX = 3_000;

/** @typedef {Record<string, (given: unknown) => Promise<unknown>>} Handlers */

/** @param {BroadcastChannel} channel @param {unknown} said */
function say(channel, said) {
    // A channel has one origin: ours.
    // oxlint-disable-next-line unicorn/require-post-message-target-origin
    channel.postMessage(said);
}

/** @param {Handlers} handlers by what they are asked; one that throws leaves the answer to others */
export function answerOthers(handlers) {
    const channel = new BroadcastChannel(CHANNEL);
    channel.addEventListener("message", async ({ data }) => {
        const handler = handlers[String(data?.ask)];
        if (!handler || account().phase !== "ready") return;
        const found = await handler(data.given).catch(() => undefined);
        if (found !== undefined) say(channel, { answer: data.id, found });
    });
}

/**
 * @param {string} what
 * @param {unknown} [given]
 * @returns {Promise<string>}
 * @throws {Error} no other tab of the app answered
 */
export function askOther(what, given) {
    const channel = new BroadcastChannel(CHANNEL);
    const id = crypto.randomUUID();
    return new Promise((resolve, reject) => {
        const timer = setTimeout(() => {
            channel.close();
            reject(new Error(`nobody answers: ${what}`));
        }, WAIT_MS_MAX);
        channel.addEventListener("message", ({ data }) => {
            if (data?.answer !== id) return;
            clearTimeout(timer);
            channel.close();
            resolve(String(data.found));
        });
        say(channel, { ask: what, id, given });
    });
}

/** @returns {Promise<string | undefined>} who runs the keys */
const holder = async () =>
    (await navigator.locks.query()).held?.find(({ name }) => name === LOCK)?.clientId;

/** Asks the tab that runs the keys to end, so that this one can. One that is frozen loses the lock. */
export async function takeOver() {
    const before = await holder();
    const channel = new BroadcastChannel(CHANNEL);
    say(channel, { leave: true });
    channel.close();
    await new Promise((resolve) => setTimeout(resolve, LEAVE_MS_MAX));
    const isFrozen = before && (await holder()) === before;
    if (isFrozen) await navigator.locks.request(LOCK, { steal: true }, () => {});
}

/** @param {() => void} leave called when another tab takes over */
export function whenTakenOver(leave) {
    const channel = new BroadcastChannel(CHANNEL);
    channel.addEventListener("message", ({ data }) => {
        if (data?.leave) leave();
    });
}
