// The interfaces of a capture on all of them, numbered as their frames come.
#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "flows/packet.h"

namespace tapline {

// What all workers agree on. Thread-safe.
class InterfaceTable {
 public:
  struct Entry {
    int index = 0;     // the kernel's
    std::string name;  // empty: it was gone when we asked
    LinkType link = LinkType::kEthernet;
  };
  // Numbers are 16 bits wide. Interfaces beyond that share the last one, which has no name.
  static constexpr std::size_t kMost = 65'536;

  // `on_new` hears of each new entry, in the order of their numbers and one at a time, before anybody has its
  // number. It may be empty. REQUIRES: nothing has been asked for yet.
  void set_listener(std::function<void(const Entry&)> on_new) { on_new_ = std::move(on_new); }

  // The number of an interface, a new one where it is not known; `entries`, from a call before or empty, gets
  // what is new since then. A new interface costs a system call, and needs no privilege.
  std::uint16_t find(int index, std::uint16_t hardware_type, std::vector<Entry>& entries);

  std::vector<Entry> entries() const;

 private:
  mutable std::mutex mutex_;
  std::function<void(const Entry&)> on_new_;
  std::vector<Entry> entries_;  // by number
};

// One worker's copy of the table, so that a frame costs no lock. Used by one thread.
class SeenInterfaces {
 public:
  // What Packet says of the interface that a frame came by.
  struct Place {
    LinkType link = LinkType::kEthernet;
    std::uint16_t number = 0;
  };

  // The table must outlive this.
  explicit SeenInterfaces(InterfaceTable& table) : table_(table) {}
  SeenInterfaces(const SeenInterfaces&) = delete;
  SeenInterfaces& operator=(const SeenInterfaces&) = delete;

  // `index` and `hardware_type` (ARPHRD_*) as the kernel gives them with each frame.
  Place find(int index, std::uint16_t hardware_type) {
    if (index != latest_index_) turn_to(index, hardware_type);
    return latest_;
  }

  // By number; holds each name that find() has led to. Grows.
  const std::vector<std::string>& names() const { return names_; }

 private:
  void turn_to(int index, std::uint16_t hardware_type);

  InterfaceTable& table_;
  std::vector<InterfaceTable::Entry> entries_;
  std::vector<std::string> names_;
  std::unordered_map<int, Place> places_;
  int latest_index_ = 0;  // none: the kernel's start with 1
  Place latest_;
};

}  // namespace tapline
