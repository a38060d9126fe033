/**
 * The strict verdict on a container, as `veche.documents.asic.verdict` comes to it. Pure.
 *
 * @typedef {import("../signatures/der.js").Bytes} Bytes
 * @typedef {import("../signatures/certificate.js").Certificate} Certificate
 * @typedef {import("../signatures/judging.js").Finding} Finding
 * @typedef {import("../signatures/judging.js").Opened} Opened
 * @typedef {import("../signatures/judging.js").Report} Report
 * @typedef {import("./archive.js").Entry} Entry
 * @typedef {import("./container.js").Container} Container
 * @typedef {import("./container.js").Step} Step
 */
import { hex } from "../verify/bytes.js";
import { DerError } from "../signatures/der.js";
import { SHA256, digestBy } from "../signatures/digests.js";
import {
    ALGORITHMS_END,
    Fault,
    Judge,
    claimOf,
    openEncoded,
    partsOf,
    reported,
} from "../signatures/judging.js";
import { Trust } from "../signatures/trust.js";
import { ArchiveError, HiddenError } from "./archive.js";
import { before, digestOf, documentDigest, readContainer } from "./container.js";

/**
 * @param {Bytes} data the file
 * @param {Certificate[]} roots that are trusted
 * @param {number} nowMs UTC
 * @param {Bytes[]} [lists] newer than those in the file
 * @param {import("../signatures/judging.js").AlgorithmsEnd} [end]
 * @returns {Promise<Report>}
 */
export async function judgeContainer(data, roots, nowMs, lists = [], end = ALGORITHMS_END) {
    let held;
    try {
        held = await readContainer(data);
    } catch (error) {
        if (!(error instanceof ArchiveError)) throw error;
        const isHidden = error instanceof HiddenError;
        const reason = isHidden ? "hidden_bytes" : "outside_the_sealed_profile";
        return reported([{ reason, field: "", detail: error.message }]);
    }
    if (held.steps.length === 0)
        return reported([{ reason: "no_signature", field: "", detail: "" }]);
    /** @type {Finding[]} */
    const broken = [];
    /** @type {(Opened | undefined)[]} */
    const opened = [];
    for (const at of held.steps.keys()) opened.push(await open(held, at, broken));
    const parts = opened.flatMap(partsOf);
    const trust = new Trust(
        roots,
        parts.flatMap((one) => one.certificates),
        [...parts.flatMap((one) => one.lists), ...lists],
    );
    const document = await documentDigest(held.files);
    const judge = new Judge(trust, [document], nowMs, end);
    judge.findings.push(...broken);
    for (const one of opened.toReversed())
        if (one) await judge.take(claimOf(one), one === opened.at(-1));
    if (!held.steps.at(-1)?.isStamp) judge.find("tail_not_time_stamped");
    const files = held.files.map(({ name }) => name);
    return judge.report({ documentSha256: hex(document), files });
}

/**
 * @param {Container} held
 * @param {number} at
 * @param {Finding[]} broken gets why it is none
 * @returns {Promise<Opened | undefined>}
 */
async function open(held, at, broken) {
    const step = held.steps[at];
    if (!step) return undefined;
    try {
        await checkCovered(step, step.isStamp ? before(held, at) : held.files);
        const { name, manifest, encoded, isStamp, rows } = step;
        const opened = await openEncoded(name, (by) => digestBy(by, manifest), encoded, isStamp);
        // A stamp rests on the hash of its manifest too: a weaker one there would make it weaker.
        const by = isStamp ? opened.stamp?.by : SHA256;
        if (rows.some((row) => row.by !== by)) throw new Fault("broken");
        return opened;
    } catch (error) {
        const isKnown = error instanceof Fault || error instanceof DerError;
        if (!isKnown) throw error;
        const reason = error instanceof Fault ? error.reason : "broken";
        broken.push({ reason, field: step.name, detail: error.message });
        return undefined;
    }
}

/** @param {Step} step @param {Entry[]} entries */
async function checkCovered(step, entries) {
    const listed = new Map(step.rows.map((row) => [row.name, row]));
    for (const { name, data } of entries) {
        const row = listed.get(name);
        if (!row) throw new Fault("hidden_bytes");
        if ((await digestOf(data, row.by)) !== row.digest) throw new Fault("changed_after_signing");
    }
    const isSame =
        step.rows.length === entries.length &&
        step.rows.every(({ name }, at) => name === entries[at]?.name);
    if (!isSame) throw new Fault("changed_after_signing");
}
