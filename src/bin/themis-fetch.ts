/** themis-fetch as it is installed from the registry: its anchor comes from its command line. */
import { runThemisFetch } from "./fetch-program.ts";

await runThemisFetch(process.argv.slice(2));
