# Makes what the program is built from be found as static libraries, so that it can be copied to a machine that has
# none of them. Distributions ship both kinds; what has no static one stays shared.

# pkg_check_modules() looks for libraries by these endings.
list(PREPEND CMAKE_FIND_LIBRARY_SUFFIXES .a)

# Abseil's own package description names the shared ones.
get_property(imported DIRECTORY PROPERTY IMPORTED_TARGETS)
foreach(target IN LISTS imported)
  if(NOT target MATCHES "^absl::")
    continue()
  endif()
  get_target_property(configurations ${target} IMPORTED_CONFIGURATIONS)
  foreach(configuration IN LISTS configurations)
    get_target_property(location ${target} IMPORTED_LOCATION_${configuration})
    if(NOT location MATCHES "\\.so[.0-9]*$")
      continue()
    endif()
    string(REGEX REPLACE "\\.so[.0-9]*$" ".a" archive "${location}")
    if(EXISTS "${archive}")
      set_target_properties(${target} PROPERTIES IMPORTED_LOCATION_${configuration} "${archive}")
    endif()
  endforeach()
endforeach()
