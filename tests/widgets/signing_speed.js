/**
 * Measures a signature in a browser, for `./run bench signing`: JSON to standard output. From the
 * bytes of a file to its bytes with the signature, the time stamp fetched in between; besides, what
 * nobody can do without: a digest of the file, one ECDSA, the same time stamp.
 */
import { launch } from "./browser.js";
import { ask, BASE } from "./control.js";
import { serve, table } from "./sign_fake.js";

const RUNS = Number(process.argv[2] ?? 15);
const PAGES = 100;

/** @param {{document: string, runs: number}} given @returns {Promise<Record<string, number>>} */
async function measure({ document: encoded, runs }) {
    const links = [...document.querySelectorAll("link[rel=modulepreload]")];
    const addresses = links.map((one) => one.getAttribute("href") ?? "");
    /** @param {string} name @returns {Promise<any>} */
    const load = (name) => import(addresses.find((one) => one.endsWith(name)) ?? "");
    const [pdf, signing, stamps, making, api, approval] = await Promise.all(
        [
            "/pdf/signing.js",
            "/signatures/signing.js",
            "/signatures/stamps.js",
            "/signatures/making.js",
            "/sign/api.js",
            "/kit/approval.js",
        ].map(load),
    );
    const bytes = approval.fromBase64(encoded);
    const { publicKey, privateKey } = await making.makeKey();
    const spki = approval.base64(await making.publicKeyOf(publicKey));
    const issued = await (
        await fetch("/_veche/issue", { method: "POST", body: JSON.stringify({ spki }) })
    ).json();
    const [root, issuing, tsa] = issued.certificates.map(approval.fromBase64);
    const certified = {
        certificate: approval.fromBase64(issued.certificate),
        chain: [issuing],
        root,
        tsa,
        lists: issued.lists.map(approval.fromBase64),
    };
    const stamp = stamps.stamper(api.postStamp, tsa);
    const sign = async () => {
        const file = pdf.openFile(bytes);
        const given = { file, field: "Sig1", key: privateKey, certified, stamp };
        const look = { role: "Tenant", level: "Advanced electronic signature" };
        const added = await signing.sign({ ...given, name: "Alice", nowMs: Date.now(), look });
        return new Blob([bytes, added]);
    };
    const floor = async () => {
        const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
        await making.signData(privateKey, digest);
        await stamp(digest);
    };
    /** @param {() => Promise<unknown>} work */
    const timed = async (work) => {
        const taken = [];
        for (let run = 0; run < runs; run += 1) {
            const began = performance.now();
            await work();
            taken.push(performance.now() - began);
        }
        return taken.toSorted((a, b) => a - b)[Math.floor(runs / 2)] ?? 0;
    };
    await sign();
    return { browser_ms: await timed(sign), browser_floor_ms: await timed(floor) };
}

/** @param {{hundred: string, large: string, runs: number}} given @returns {Promise<Record<string, number>>} */
async function measureUploads({ hundred, large, runs }) {
    const links = [...document.querySelectorAll("link[rel=modulepreload]")];
    const addresses = links.map((one) => one.getAttribute("href") ?? "");
    const address = addresses.find((one) => one.endsWith("/pdf/normalising.js")) ?? "";
    const { normalise } = await import(address);
    const salt = new Uint8Array(32);
    /** @param {string} encoded @param {number} count */
    const timed = async (encoded, count) => {
        const bytes = Uint8Array.from(atob(encoded), (one) => one.charCodeAt(0));
        await normalise(bytes, salt);
        const taken = [];
        for (let run = 0; run < count; run += 1) {
            const began = performance.now();
            await normalise(bytes, salt);
            taken.push(performance.now() - began);
        }
        return taken.toSorted((a, b) => a - b)[Math.floor(count / 2)] ?? 0;
    };
    return {
        blind_normalise_ms: await timed(hundred, runs),
        blind_normalise_large_ms: await timed(large, Math.ceil(runs / 3)),
    };
}

const browser = await launch();
try {
    const context = await browser.newContext();
    const page = await context.newPage();
    const { document } = await ask("begin", { pages: PAGES });
    await serve(context, {
        ...table([]),
        "POST issue": ({ body }) => ask("issue", JSON.parse(body)),
    });
    await page.goto(`${BASE}/sign`);
    const signed = await page.evaluate(measure, { document, runs: RUNS });
    const [hundred, large] = [
        await ask("upload", { kind: "hundred" }),
        await ask("upload", { kind: "large" }),
    ];
    await page.goto(`${BASE}/sign/new`);
    const given = { hundred: hundred.content, large: large.content, runs: RUNS };
    process.stdout.write(
        JSON.stringify({ ...signed, ...(await page.evaluate(measureUploads, given)) }),
    );
} finally {
    await browser.close();
}
