/**
 * Having a file judged by a worker, within a time. It is begun with the page, so that it is there when
 * the network is not.
 *
 * @typedef {import("../signatures/judge_worker.js").Task} Task
 * @typedef {import("../signatures/judge_worker.js").Judged} Judged
 */
import { JUDGE, startWorker } from "../kit/workers.js";

/** As long as `veche verify` takes for a file at most. */
export const JUDGING_S_MAX = 10;
/** For who says that it may take longer: a large file on a slow device. */
export const PATIENT_S_MAX = 120;

/** The worker gave no verdict in time; `failed` of one that could give none. */
export class UnjudgedError extends Error {
    /** @param {"late" | "failed"} why @param {string} [detail] */
    constructor(why, detail = why) {
        super(detail);
        this.why = why;
    }
}

/** After a larger file a new worker is begun: what the old one needed of memory goes with it. */
const KEPT_BYTES_MAX = 16 * 1024 * 1024;

/** @type {Worker | undefined} begun, and without a task; none if it could not be begun */
let spare;
keep(startWorker(JUDGE));

/** @param {Worker} worker */
function keep(worker) {
    worker.addEventListener("error", () => {
        if (spare === worker) spare = undefined;
    });
    spare = worker;
}

/**
 * @param {Task} task
 * @param {number} secondsMax
 * @param {AbortSignal} signal ends it
 * @returns {Promise<Judged>}
 * @throws {UnjudgedError} there is no verdict; of the signal its reason
 */
export async function judgeApart(task, secondsMax, signal) {
    signal.throwIfAborted();
    const worker = spare ?? startWorker(JUDGE);
    spare = undefined;
    const over = new AbortController();
    const until = { signal: over.signal };
    let isDone = false;
    /** @type {number | undefined} */
    let timer;
    try {
        const judged = await new Promise((resolve, reject) => {
            const late = () => reject(new UnjudgedError("late"));
            timer = setTimeout(late, secondsMax * 1000);
            const fail = (/** @type {string} */ why) => reject(new UnjudgedError("failed", why));
            const take = (/** @type {MessageEvent} */ { data }) =>
                data.report ? resolve(data) : fail(data.failed);
            signal.addEventListener("abort", () => reject(signal.reason), until);
            worker.addEventListener("error", ({ message }) => fail(message), until);
            worker.addEventListener("message", take, until);
            worker.postMessage(task, []);
        });
        isDone = task.file.size <= KEPT_BYTES_MAX;
        return judged;
    } finally {
        clearTimeout(timer);
        over.abort();
        if (!isDone) worker.terminate();
        keep(isDone ? worker : startWorker(JUDGE));
    }
}
