/** Shapes of `veche.contracts.signing.signing_api`. Hashes and DER are in unpadded base64. */

export type Level = "S0" | "S1" | "S2" | "S3" | "S4";

/** `OwnCertificateView`: one that was issued elsewhere */
export interface OwnCertificate {
    name: string;
    issuer: string;
    authority: string;
    level: "S3" | "S4";
    key: string;
    ends_at_ms: number;
    is_approved: boolean;
    /** At which provider its key is. */
    provider?: string | null;
}

/** `AuthorityView`: elsewhere, whose certificates the operator takes */
export interface Authority {
    name: string;
    level: "S3" | "S4";
    certificate: string;
    policies?: string[];
}

/** `CredentialView` */
export interface Credential {
    credential: string;
    chain: string[];
    own?: OwnCertificate | null;
    refusal: string;
}

/** `FieldView`: what the person has to say to their provider */
export interface ProviderField {
    id: string;
    label: string;
    is_sent: boolean;
    is_elsewhere: boolean;
}

/** `OrderView`: a signature that a provider is asked for */
export interface ProviderOrder {
    state: "none" | "prepared" | "waiting" | "signed";
    chain: string[];
    certificates: string[];
    lists: string[];
    revision: number;
    at_ms: number;
    until_ms: number;
    digest?: string | null;
    signature?: string | null;
    now_ms: number;
}
export type Role = "signer" | "clerk" | "seal" | "approver" | "witness" | "viewer";

export interface Party {
    party: string;
    role: Role;
    name: string;
    user: string;
    state: string;
    level_min?: Level | null;
    level?: string | null;
    /** Of who has signed with one that was issued elsewhere. */
    certificate?: OwnCertificate | null;
    at_ms?: number | null;
    acts_for?: string | null;
    witness_of?: string | null;
    /** Of who has no account: who has seen who they are. */
    identified_by?: string | null;
    /** Whether they sign by hand on a tablet, without a key. */
    by_hand?: boolean;
    /** Of who has: who has signed as the witness of it. */
    witnessed_by?: string | null;
}

/** `WrittenView`: what a witness is to sign that they saw being written. */
export interface Written {
    record: {
        party: string;
        name: string;
        papers: string;
        written_at_ms: number;
        drawing_sha256: string;
        clauses: { id: string; title: string; accepted: boolean }[];
    };
    sha256: string;
    drawing: { strokes: number[][] };
    code: string;
    until_ms: number;
}

export interface Clause {
    id: string;
    title: string;
    kind: "required" | "unfair" | "optional";
    page: number;
    /** The box in which it is signed by itself. */
    field?: string | null;
    /** Of a blind session. */
    title_sha256?: string | null;
}

/** What the service of a blind session is not told, inside its encryption. */
export interface Matter {
    v: 1;
    salt: string;
    title: string;
    filename: string;
    /** By account. */
    names: Record<string, string>;
    clauses: { id: string; title: string }[];
}

export interface Revision {
    number: number;
    party?: string | null;
    previous_sha256: string;
    sha256: string;
    size: number;
    increment: string;
}

export interface View {
    session: string;
    state: string;
    mode?: "assisted" | "blind";
    /** Of a blind session once its matter was opened. */
    title: string;
    title_sha256?: string | null;
    matter?: string | null;
    /** Names by account, of the matter. */
    called?: Record<string, string>;
    filename?: string | null;
    is_to_close?: boolean;
    is_to_renew?: boolean;
    stamp_hash?: "sha256" | "sha384" | "sha512";
    /** Of a closed document: from when what is kept of it may be deleted. */
    deletes_at_ms?: number | null;
    is_deleted?: boolean;
    /** Whether who asked for the signatures can have it deleted. */
    may_delete?: boolean;
    /** Whether the reader is who asked for the signatures. */
    is_yours?: boolean;
    /** SHA-256 of the report's ciphertext, hexadecimal; none: there is none that pages can read. */
    report?: string | null;
    requester: string;
    effect: "when_complete" | "each";
    may_delegate: boolean;
    deadline_at_ms: number;
    code: string;
    parties_sha256: string;
    document: {
        sha256: string;
        size: number;
        pages: number;
        blob: string;
        /** Whether others had signed it before it was sent. */
        is_signed?: boolean;
        /** Of what is no PDF: its name in its container, and its media type. */
        name?: string | null;
        kind?: string | null;
    };
    clauses: Clause[];
    stages: { need?: number | null; parties: string[] }[];
    parties: Party[];
    you: {
        party: string;
        role: Role;
        level: Level;
        field?: string | null;
        state: string;
        can_act: boolean;
        /** With which they want to sign. */
        own?: OwnCertificate | null;
        /** Of a witness: who writes by hand before them. */
        sees?: string | null;
        written?: Written | null;
    };
    revisions: Revision[];
    proofs: { certificates: string[]; lists: string[] };
    /** Elsewhere, whose certificates are taken here. */
    authorities?: Authority[];
    /** Roots of authorities elsewhere, who stamp here in the service's place, or did. */
    stampers?: string[];
    is_stamped_elsewhere?: boolean;
    /** Of remote signatures, at which people sign on this page. */
    providers?: { id: string; name: string }[];
    final_sha256?: string | null;
    now_ms: number;
}

/** `MeetingView` */
export interface Meeting {
    state: "offered" | "claimed" | "written" | "identified" | "refused" | "replaced";
    name: string;
    registrar: string;
    expires_at_ms: number;
    now_ms: number;
}

/** `ScreenView`: rows of a QR code, `1` dark */
export interface Screen extends Meeting {
    modules: string[];
}

/** `TabletView` */
export interface Tablet extends Meeting {
    code: string;
    view: View;
}

/** `ClaimedView`, with the key by which this phone came in. */
export interface Claimed extends Meeting {
    code: string;
    person: string;
    session: string;
    party: string;
    token: string;
    key: { id: string; pair: CryptoKeyPair; label: string };
}

/** What the person decided before pressing. */
export interface Choices {
    read: "all_pages" | "elsewhere";
    clauses: { id: string; accepted: boolean }[];
}

/** A document that waits for a person, as their link to it has it. */
export interface WaitingParty {
    session: string;
    party: string;
    token: string;
    key: string;
    title: string;
}

/** A document that waits for a person, and whose key only whoever asks has. */
export interface PrivateParty {
    session: string;
    party: string;
    token: string;
    requester: string;
    is_together: boolean;
}

/** `WaitingList`, inside its encryption. */
export interface WaitingList {
    documents: WaitingParty[];
    others: WaitingParty[];
    private: PrivateParty[];
    more: number;
}

/** Who stamps now, and what proves them; DER in base64. */
export interface Stampers {
    certificates: string[];
    lists: string[];
    roots: string[];
    policy?: string | null;
}
