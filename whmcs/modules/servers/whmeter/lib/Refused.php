<?php
// What whmeter did not give, and with which status.

declare(strict_types=1);

namespace WHMCS\Module\Server\Whmeter;

defined('WHMCS') || exit('This file cannot be accessed directly');

final class Refused extends \RuntimeException
{
    /** @param int $status HTTP status; 0 when there was no answer that can be used */
    public function __construct(string $message, public readonly int $status = 0)
    {
        parent::__construct($message);
    }
}
