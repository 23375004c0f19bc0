// What is said to the person at the keyboard, on standard error.
#pragma once

#include <unistd.h>

#include <string>

namespace tapline {

class Console {
 public:
  // Errors are always told (by main). Progress, warnings and the closing summary only where a person looks
  // on, or where they were asked for: a log that nobody wanted is noise.
  Console(bool quiet, bool verbose) : talks_(!quiet && (verbose || isatty(STDERR_FILENO) != 0)) {}

  bool talks() const { return talks_; }

  // One line, or several separated by '\n', each behind the program's name.
  void say(const std::string& text) const {
    if (talks_) print(text);
  }

  static void print(const std::string& text);

 private:
  bool talks_;
};

}  // namespace tapline
