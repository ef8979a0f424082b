// Evaluates function bodies that come as lines of JSON, and answers each with a line.
import { createInterface } from "node:readline";

const pages = process.argv[2];
const page = (name) => import(`${pages}/${name}`);
const AsyncFunction = (async () => {}).constructor;

for await (const line of createInterface({ input: process.stdin })) {
  const { body, given } = JSON.parse(line);
  let answer;
  try {
    answer = { value: await new AsyncFunction("page", "given", body)(page, given) };
  } catch (problem) {
    answer = { error: String(problem.stack ?? problem) };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
