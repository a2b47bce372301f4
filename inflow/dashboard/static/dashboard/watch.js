// What is being worked on is fetched again until it is done; then the page is loaded once more, with its buttons.
(function () {
  const every = 2000;

  function look() {
    fetch(location.href, { credentials: "same-origin" })
      .then((answer) => answer.text())
      .then((text) => {
        const now = new DOMParser().parseFromString(text, "text/html").getElementById("watched");
        if (!now || !("atWork" in now.dataset)) {
          location.reload();
          return;
        }
        document.getElementById("watched").replaceChildren(...now.childNodes);
        setTimeout(look, every);
      })
      .catch(() => setTimeout(look, every));
  }

  setTimeout(look, every);
})();
