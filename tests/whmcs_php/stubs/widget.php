<?php
// A tile of WHMCS's admin home, as its documentation has it.

namespace WHMCS\Module;

abstract class AbstractWidget
{
    protected $title;
    protected $description;
    protected $weight;
    protected $columns;
    protected $cache;
    protected $cacheExpiry;
    protected $requiredPermission;

    abstract public function getData();

    abstract public function generateOutput($data);
}
