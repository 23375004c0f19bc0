#include "engine/interface_table.h"

#include <algorithm>

#include "engine/interfaces.h"

namespace tapline {
namespace {

// LINKTYPE_USER0: says nothing to whoever reads it, and a saved frame must have some. The filter accepts next
// to nothing of such interfaces.
constexpr LinkType kUnknownLink{147};

}  // namespace

std::uint16_t InterfaceTable::find(int index, std::uint16_t hardware_type, std::vector<Entry>& entries) {
  const std::lock_guard lock(mutex_);
  auto found = std::find_if(entries_.begin(), entries_.end(),
                            [index](const Entry& entry) { return entry.index == index; });
  if (found == entries_.end() && entries_.size() == kMost) found = entries_.end() - 1;
  if (found == entries_.end()) {
    Entry entry{index, "", link_type(hardware_type).value_or(kUnknownLink)};
    if (entries_.size() + 1 < kMost) entry.name = interface_name(index);
    if (on_new_) on_new_(entry);
    found = entries_.insert(entries_.end(), std::move(entry));
  }
  entries.insert(entries.end(), entries_.begin() + static_cast<std::ptrdiff_t>(entries.size()),
                 entries_.end());
  return static_cast<std::uint16_t>(found - entries_.begin());
}

std::vector<InterfaceTable::Entry> InterfaceTable::entries() const {
  const std::lock_guard lock(mutex_);
  return entries_;
}

void SeenInterfaces::turn_to(int index, std::uint16_t hardware_type) {
  const auto [place, is_new] = places_.try_emplace(index);
  if (is_new) {
    place->second.number = table_.find(index, hardware_type, entries_);
    place->second.link = link_type(hardware_type).value_or(kUnknownLink);
    for (std::size_t i = names_.size(); i < entries_.size(); ++i) names_.push_back(entries_[i].name);
  }
  latest_index_ = index;
  latest_ = place->second;
}

}  // namespace tapline
