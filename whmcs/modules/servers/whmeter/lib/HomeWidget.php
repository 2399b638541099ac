<?php
// The tile on the home of WHMCS's admin area, as WHMCS wants one.

declare(strict_types=1);

namespace WHMCS\Module\Server\Whmeter;

defined('WHMCS') || exit('This file cannot be accessed directly');

final class HomeWidget extends \WHMCS\Module\AbstractWidget
{
    protected $title = 'Usage metering';
    protected $description = 'What whmeter measures and WHMCS collects';
    protected $weight = 150;
    protected $columns = 1;
    /** Staff open their home often; whmeter is asked once in five minutes. */
    protected $cache = true;
    protected $cacheExpiry = 300;
    protected $requiredPermission = '';

    public function getData()
    {
        return ['html' => Safely::run('home tile', [], [HomeTile::class, 'html'], static fn () => 'See the module log.')];
    }

    public function generateOutput($data)
    {
        return is_array($data) ? (string) ($data['html'] ?? '') : '';
    }
}
