// The page of an error tries again by itself: it loads its address once that is answered in another way. So it never
// leaves for the browser's own page of a service that is away, and never while somebody types.

const script = document.querySelector("script[data-status]");
const input = document.getElementById("link");

setInterval(async () => {
  if (input && (input.value || document.activeElement === input)) return;
  try {
    const answer = await fetch(location.href, { method: "HEAD" });
    if (answer.status !== Number(script.dataset.status)) location.reload();
  } catch {
    // the service is away: the next try may reach it
  }
}, Number(script.dataset.seconds) * 1_000);
