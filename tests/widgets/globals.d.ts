/* What the host page of the tests has besides. */
interface Window {
    /** Events of the room, oldest first; a test sets it before the page loads. */
    hostTimeline: any;
    hostFiles: any;
    hostDenied: any;
    /** What tests look at. */
    host: any;
}
